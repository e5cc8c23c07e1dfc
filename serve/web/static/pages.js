// What the pages add where scripts run; everything also works without.
(() => {
  // One customer: where would they go after this change?
  const form = document.querySelector("form[data-what-if]");
  const place = document.getElementById("what-if");
  if (form && place) {
    let waiting = null;
    let asked = 0;
    const ask = async (changed) => {
      const number = ++asked;
      const typed = new FormData(form);
      try {
        const headers = { "X-Changed": encodeURIComponent(changed) };
        const reply = await fetch(form.dataset.whatIf, { method: "POST", body: typed, headers });
        const text = reply.ok ? await reply.text() : "";
        if (!reply.ok || number !== asked) return;
        place.innerHTML = text;
        // A total moves with its parts.
        for (const moved of place.querySelectorAll("[data-field]")) {
          form.elements[moved.dataset.field].value = moved.textContent;
        }
      } catch {
        place.textContent = "";
      }
    };
    form.addEventListener("input", (event) => {
      clearTimeout(waiting);
      waiting = setTimeout(ask, 150, event.target.name);
    });
  }

  // A list: how many are chosen, at every change.
  const filter = document.querySelector("form[data-count]");
  if (filter) {
    const place = document.getElementById("count");
    let asked = 0;
    filter.addEventListener("change", async () => {
      const number = ++asked;
      const query = new URLSearchParams(new FormData(filter));
      try {
        const reply = await fetch(`${filter.action}?${query}`, { headers: { "X-Part": "count" } });
        const text = await reply.text();
        if (number === asked) place.innerHTML = text;
      } catch {
        place.textContent = "";
      }
    });
  }

  // A list: how much of its file is written, until the browser saves it.
  const exporting = document.querySelector("form[data-export]");
  if (exporting) {
    const written = document.getElementById("written");
    const words = written.querySelector("p");
    const bar = written.querySelector("progress");
    exporting.addEventListener("submit", () => {
      const ticket = [...crypto.getRandomValues(new Uint8Array(16))].map((n) => n.toString(16).padStart(2, "0")).join("");
      const field = exporting.querySelector("[name=ticket]") || exporting.appendChild(document.createElement("input"));
      Object.assign(field, { type: "hidden", name: "ticket", value: ticket });
      let looks = 0;
      let seen = false;
      bar.removeAttribute("value");
      words.textContent = "The file is being written.";
      written.hidden = false;
      const look = async () => {
        const reply = await fetch(`${exporting.action}/${ticket}`).catch(() => null);
        if (reply?.ok) {
          seen = true;
          const now = await reply.json();
          if (now.done) {
            bar.max = now.total;
            bar.value = now.done;
            words.textContent = `${now.done.toLocaleString("en")} of ${now.total.toLocaleString("en")} are written.`;
          }
        }
        if (reply?.ok || (!seen && ++looks < 20)) return setTimeout(look, 250);
        bar.max = bar.value = 1;
        words.textContent = "The file is written; your browser saves it.";
        written.hidden = !seen;
      };
      setTimeout(look, 100);
    });
  }

  // A file: drop it anywhere on the field, see how far the upload and the scoring are.
  const upload = document.querySelector("form[data-upload]");
  if (upload) {
    const drop = upload.querySelector(".drop");
    const field = document.getElementById("file");
    for (const name of ["dragenter", "dragover"]) {
      drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
    }
    for (const name of ["dragleave", "drop"]) {
      drop.addEventListener(name, () => drop.classList.remove("over"));
    }
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      if (event.dataTransfer.files.length) field.files = event.dataTransfer.files;
    });
    upload.addEventListener("submit", () => {
      document.getElementById("sending").textContent = field.files.length ? "The file is being sent …" : "";
    });
  }
  const far = document.querySelector("[data-state]");
  if (far) {
    const bar = far.querySelector("progress");
    const words = document.getElementById("how-far");
    const look = async () => {
      try {
        const reply = await fetch(far.dataset.state);
        if (!reply.ok) return location.reload();
        const now = await reply.json();
        if (now.finished) return location.reload();
        if (now.total) {
          bar.max = now.total;
          bar.value = now.done;
          words.textContent = `${now.done.toLocaleString("en")} of about ${now.total.toLocaleString("en")} ${far.dataset.customers}`;
        }
      } catch {
        words.textContent = "The pages do not answer right now; the file is safe.";
      }
      setTimeout(look, 700);
    };
    setTimeout(look, 300);
  }
})();

// Maps and charts one can touch: values at the pointer, one segment highlighted, a click opens it.
// Without scripts the pictures and the tables beside them say the same.
(() => {
  const NEAR = 24;

  // One line of text at a place in a figure; it never takes the pointer.
  const tipOf = (figure) => {
    const tip = document.createElement("div");
    tip.className = "tip";
    tip.hidden = true;
    tip.setAttribute("aria-hidden", "true");
    figure.append(tip);
    document.addEventListener("keydown", (event) => { if (event.key === "Escape") tip.hidden = true; });
    return (text, x, y) => {
      tip.hidden = !text;
      if (!text) return;
      tip.textContent = text;
      const room = figure.clientWidth - tip.offsetWidth;
      tip.style.left = `${Math.max(0, Math.min(x + 12, room))}px`;
      const above = y - tip.offsetHeight - 12;
      tip.style.top = `${above < 0 ? y + 18 : above}px`;
    };
  };

  for (const figure of document.querySelectorAll("[data-touch]")) {
    const marks = [...figure.querySelectorAll("svg [data-segment]")];
    const faint = new Set(marks.filter((mark) => mark.classList.contains("faint")));
    const keys = new Map([...figure.querySelectorAll("li[data-segment]")].map((key) => [key.dataset.segment, key]));
    const show = tipOf(figure);
    let chosen = null;
    let lit = null;

    const light = (segment) => {
      for (const mark of marks) {
        mark.classList.toggle("faint", segment ? mark.dataset.segment !== segment : faint.has(mark));
      }
      for (const [number, key] of keys) key.classList.toggle("lit", number === segment);
    };

    // The dots' places are read when the pointer comes, and again when the page has moved.
    let places = null;
    const nearest = (event) => {
      places ??= marks.flatMap((mark) => [...mark.querySelectorAll("circle")].map((dot) => {
        const box = dot.getBoundingClientRect();
        const x = box.x + box.width / 2 + scrollX;
        return { mark, dot, x, y: box.y + box.height / 2 + scrollY, r: box.width / 2 };
      }));
      let best = null;
      let least = NEAR;
      for (const place of places) {
        const far = Math.hypot(place.x - event.pageX, place.y - event.pageY) - place.r;
        if (far < least) [best, least] = [place, far];
      }
      return best;
    };
    const to = (place, event) => {
      lit?.classList.remove("lit");
      lit = place?.dot ?? null;
      lit?.classList.add("lit");
      const segment = place?.mark.dataset.segment;
      light(segment ?? chosen);
      const text = place && (place.dot.dataset.tip ?? keys.get(segment)?.dataset.tip);
      const box = figure.getBoundingClientRect();
      show(text, event.clientX - box.x, event.clientY - box.y);
      return segment;
    };
    addEventListener("resize", () => { places = null; });

    for (const picture of figure.querySelectorAll(":scope > svg, :scope > .chart")) {
      picture.addEventListener("pointerenter", () => { places = null; });
      picture.addEventListener("pointermove", (event) => {
        const link = keys.get(to(nearest(event), event))?.querySelector("a");
        picture.classList.toggle("opens", Boolean(link));
      });
      picture.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") to(null, event); });
      // A finger sees the values first and opens the segment with a second touch.
      let touched = null;
      picture.addEventListener("click", (event) => {
        const segment = to(nearest(event), event);
        const link = keys.get(segment)?.querySelector("a:not([aria-current])");
        if (link && (event.pointerType === "mouse" || touched === segment)) link.click();
        touched = segment;
      });
    }

    // The list of segments highlights too: its dots are buttons, its names show what the pointer would.
    for (const [segment, key] of keys) {
      const dot = key.querySelector(".dot");
      const button = document.createElement("button");
      button.type = "button";
      button.className = "key-dot";
      button.setAttribute("aria-pressed", "false");
      button.setAttribute("aria-label", `Highlight ${(key.querySelector("a") ?? key).textContent.trim()}`);
      dot.replaceWith(button);
      button.append(dot);
      button.addEventListener("click", () => {
        chosen = chosen === segment ? null : segment;
        for (const [number, other] of keys) {
          other.querySelector("button").setAttribute("aria-pressed", String(number === chosen));
        }
        light(chosen);
      });
      const here = () => {
        light(segment);
        show(key.dataset.tip, key.offsetLeft, key.offsetTop);
      };
      const away = () => { light(chosen); show(""); };
      key.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse") here(); });
      key.addEventListener("pointerleave", away);
      key.addEventListener("focusin", here);
      key.addEventListener("focusout", away);
    }
  }

  // Distributions: the figures behind a picture in a table, by pointer, touch or keyboard.
  for (const picture of document.querySelectorAll("svg[data-tip], .bins[data-tip]")) {
    const cell = picture.parentElement;
    let show = null;
    const here = (x) => {
      show ??= tipOf(cell);
      show(picture.dataset.tip, x, picture.getBoundingClientRect().y - cell.getBoundingClientRect().y);
    };
    const away = () => show?.("");
    picture.tabIndex = 0;
    picture.addEventListener("focus", () => here(0));
    picture.addEventListener("blur", away);
    picture.addEventListener("pointermove", (event) => here(event.clientX - cell.getBoundingClientRect().x));
    picture.addEventListener("pointerleave", away);
  }
})();

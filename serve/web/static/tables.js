// Tables that sort and filter themselves; without scripts they are as the server sorted them.
(() => {
  const FIRST_NUMBER = /-?\d[\d,]*(?:\.\d+)?/;
  const HOLE = /^[–-]?$/;
  const text = (row, column) => {
    const cell = row.cells[column];
    return (cell.dataset.sort ?? cell.textContent).trim();
  };
  const number = (words) => {
    const match = words.replace("−", "-").match(FIRST_NUMBER);
    return match ? Number(match[0].replaceAll(",", "")) : NaN;
  };

  // Numbers by size where every cell begins with one, else words; what is missing comes last.
  const order = (rows, column, down) => {
    const words = rows.map((row) => text(row, column));
    const numeric = words.every((one) => HOLE.test(one) || /^[^\p{L}\d]*\d/u.test(one));
    const keyed = rows.map((row, place) => ({ row, word: words[place], size: number(words[place]) }));
    keyed.sort((a, b) => {
      const holes = HOLE.test(a.word) - HOLE.test(b.word);
      if (holes) return holes;
      const by = numeric ? a.size - b.size : a.word.localeCompare(b.word, "en", { numeric: true });
      return (down ? -by : by) || a.row.dataset.place - b.row.dataset.place;
    });
    return keyed.map((one) => one.row);
  };

  for (const table of document.querySelectorAll("table[data-sortable]")) {
    const body = table.tBodies[0];
    [...body.rows].forEach((row, place) => { row.dataset.place = place; });
    const heads = [...table.tHead.rows[0].cells].filter((head) => !("unsorted" in head.dataset));
    for (const head of heads) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "none"
          ? "down" in head.dataset : head.getAttribute("aria-sort") === "ascending";
        for (const other of heads) other.setAttribute("aria-sort", "none");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        body.append(...order([...body.rows], head.cellIndex, down));
      });
    }
  }

  for (const field of document.querySelectorAll("input[data-filter]")) {
    const rows = [...document.getElementById(field.dataset.filter).tBodies[0].rows];
    const count = document.getElementById(field.getAttribute("aria-describedby"));
    const look = () => {
      const words = field.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
      let left = 0;
      for (const row of rows) {
        const content = row.textContent.toLocaleLowerCase();
        row.hidden = !words.every((word) => content.includes(word));
        left += !row.hidden;
      }
      count.textContent = words.length ? `${left} of ${rows.length}` : "";
    };
    field.addEventListener("input", look);
    look();
  }

  // On a phone the menu is one row that scrolls: the page's own entry is in sight.
  const here = document.querySelector(".top .nav-link.active");
  const menu = here?.closest(".nav");
  if (menu && menu.scrollWidth > menu.clientWidth) {
    menu.scrollLeft = here.offsetLeft - (menu.clientWidth - here.offsetWidth) / 2;
  }
})();

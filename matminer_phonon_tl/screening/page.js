"use strict";
(() => {
  const { columns, rows, units } = JSON.parse(document.getElementById("rows").textContent);
  const table = document.getElementById("table");
  const filter = document.getElementById("filter");
  const count = document.getElementById("count");
  const isNumber = columns.map((_, i) => rows.some((row) => typeof row[i] === "number"));
  let sorted = { column: null, descending: true };

  const shown = (value) => {
    if (value === null) return "";
    if (typeof value === "number") return String(Number(value.toPrecision(5)));
    if (typeof value === "boolean") return value ? "yes" : "no";
    return String(value);
  };

  // "phonon_bandgap > 150", or any text.
  const condition = (text) => {
    const match = /^\s*(.+?)\s*(<=|>=|<|>|=)\s*(-?[\d.]+(?:e[+-]?\d+)?)\s*$/i.exec(text);
    const column = match ? columns.indexOf(match[1]) : -1;
    if (column < 0) {
      const part = text.trim().toLowerCase();
      return (row) => row.some((value) => shown(value).toLowerCase().includes(part));
    }
    const limit = Number(match[3]);
    const compare = {
      "<": (x) => x < limit, "<=": (x) => x <= limit, ">": (x) => x > limit,
      ">=": (x) => x >= limit, "=": (x) => x === limit,
    }[match[2]];
    return (row) => row[column] !== null && row[column] !== "" && compare(Number(row[column]));
  };

  // Missing values come last, whichever way it is sorted.
  const compare = (column, descending) => (one, other) => {
    const [a, b] = [one[column], other[column]];
    if (a === null || b === null) return (a === null) - (b === null);
    const order = a === b ? 0 : a < b ? -1 : 1;
    return descending ? -order : order;
  };

  const draw = () => {
    let kept = rows.filter(condition(filter.value));
    if (sorted.column !== null) {
      kept = kept.slice().sort(compare(sorted.column, sorted.descending));
    }
    const body = document.createElement("tbody");
    for (const row of kept) {
      const line = body.insertRow();
      row.forEach((value, i) => {
        const cell = line.insertCell();
        cell.textContent = shown(value);
        if (isNumber[i]) cell.className = "number";
        else if (value !== null) cell.title = String(value);
      });
    }
    table.tBodies[0].replaceWith(body);
    count.textContent = `${kept.length} of ${rows.length} rows`;
  };

  const head = table.tHead.insertRow();
  columns.forEach((name, i) => {
    const cell = document.createElement("th");
    cell.scope = "col";
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = name.replaceAll("_", " ");
    button.addEventListener("click", () => {
      sorted = { column: i, descending: sorted.column === i ? !sorted.descending : isNumber[i] };
      for (const other of head.cells) other.removeAttribute("aria-sort");
      cell.setAttribute("aria-sort", sorted.descending ? "descending" : "ascending");
      draw();
    });
    cell.append(button);
    if (units[name]) {
      const unit = document.createElement("span");
      unit.className = "unit";
      unit.textContent = units[name];
      cell.append(unit);
    }
    head.append(cell);
  });
  filter.addEventListener("input", draw);
  draw();
})();

"use strict";
(() => {
  const element = document.getElementById("rows");
  if (!element) return;
  const { columns, shown, units, unlike, rows } = JSON.parse(element.textContent);
  const table = document.getElementById("table");
  const filter = document.getElementById("filter");
  const count = document.getElementById("count");
  const place = (name) => columns.indexOf(name);
  const isUnlike = (row) => unlike !== null && row[place(unlike)] === false;
  // A column of two parts is an interval.
  const parts = shown.map((names) => names.map(place));
  const isNumber = parts.map(([i]) => rows.some((row) => typeof row[i] === "number"));
  let sorted = { column: null, descending: true };

  const text = (value, digits = 4) => {
    if (value === null) return "";
    if (Number.isInteger(value)) return String(value);
    if (typeof value === "number") {
      const small = Math.abs(value) < 1000;
      return String(Number(small ? value.toPrecision(digits) : value.toFixed(digits - 3)));
    }
    if (typeof value === "boolean") return value ? "yes" : "no";
    return String(value);
  };
  const exponent = (x) => Math.floor(Math.log10(Math.abs(x)));
  // As write_interval of the command: more digits where an interval's width would not show.
  const digitsOf = (a, b) => {
    if (!(Math.abs(a - b) > 0)) return 4;
    const size = Math.max(Math.abs(a), Math.abs(b));
    return Math.min(8, Math.max(4, exponent(size) - exponent(a - b) + 1));
  };
  const cellText = (row, [one, other]) => {
    if (other === undefined || row[one] === null) return text(row[one]);
    const digits = digitsOf(row[one], row[other]);
    return `${text(row[one], digits)} \u2013 ${text(row[other], digits)}`;
  };

  // "phonon_bandgap > 150", or any text.
  const condition = (typed) => {
    const match = /^\s*(.+?)\s*(<=|>=|<|>|=)\s*(-?[\d.]+(?:e[+-]?\d+)?)\s*$/i.exec(typed);
    const column = match ? place(match[1]) : -1;
    if (column < 0) {
      const part = typed.trim().toLowerCase();
      return (row) => parts.some((each) => cellText(row, each).toLowerCase().includes(part));
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
      kept = kept.slice().sort(compare(parts[sorted.column][0], sorted.descending));
    }
    const body = document.createElement("tbody");
    for (const row of kept) {
      const line = body.insertRow();
      if (isUnlike(row)) line.className = "unlike";
      parts.forEach((each, i) => {
        const cell = line.insertCell();
        cell.textContent = cellText(row, each);
        if (isNumber[i]) cell.className = "number";
        else if (cell.textContent) cell.title = cell.textContent;
      });
    }
    table.tBodies[0].replaceWith(body);
    count.textContent = `${kept.length} of ${rows.length} rows`;
  };

  const head = table.tHead.insertRow();
  shown.forEach(([name, other], i) => {
    const cell = document.createElement("th");
    cell.scope = "col";
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = other === undefined ? name.replaceAll("_", " ") : "interval";
    if (other !== undefined) button.title = `${name} to ${other}`;
    button.addEventListener("click", () => {
      sorted = { column: i, descending: sorted.column === i ? !sorted.descending : isNumber[i] };
      for (const each of head.cells) each.removeAttribute("aria-sort");
      cell.setAttribute("aria-sort", sorted.descending ? "descending" : "ascending");
      draw();
    });
    cell.append(button);
    if (units[name] && other === undefined) {
      const unit = document.createElement("span");
      unit.className = "unit";
      unit.textContent = units[name].split(" per ")[0];
      unit.title = units[name];
      cell.append(unit);
    }
    head.append(cell);
  });
  filter.addEventListener("input", draw);
  draw();
})();

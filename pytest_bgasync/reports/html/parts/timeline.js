// The timeline of a test: lanes of bars, arrow keys between them, zoom.
// Above how many rows bars are thin, and very thin.
const MANY = 40;
const VERY_MANY = 120;

function drawTimeline(test) {
  const {
    span: [began, ended],
    lanes,
    time_scale: scale,
  } = test.timeline;
  const at = (time) => (time - began) / (ended - began);
  const count = lanes.reduce((sum, lane) => sum + lane.rows.length, 0);
  const canvas = make("div", { class: count > MANY ? "canvas dense" : "canvas" });
  const axis = make(
    "div",
    { class: scale === 1 ? "axis single" : "axis", "aria-hidden": "true" },
    make("div", { class: "what" }, ...(scale === 1 ? ["seconds"] : ["playbook", make("br"), "real time"])),
    make("div", { class: "field" }),
  );
  canvas.style.setProperty("--row", count > VERY_MANY ? "6px" : count > MANY ? "10px" : "27px");
  canvas.append(axis);
  const rows = [];
  for (const lane of lanes) {
    const field = make("div", { class: "field" });
    for (const bars of lane.rows) {
      const row = make("div", { class: "row" });
      rows.push(bars.map((bar, number) => drawBar(bar, bars[number + 1], lane, row, field, at)));
      field.append(row);
    }
    if (!lane.rows.length) field.append(make("div", { class: "row" }));
    canvas.append(
      make(
        "div",
        { class: `lane ${lane.kind}`, role: "group", "aria-label": lane.name },
        make("div", { class: "what", title: lane.name }, make("span", {}, lane.name)),
        field,
      ),
    );
  }
  const scroller = make("div", { class: "scroller", role: "group", "aria-label": "Timeline" }, canvas);
  steer(rows, scroller);
  const zoom = zoomer(test, scroller, canvas, axis, at);
  scroller.addEventListener("keydown", (event) => {
    if (event.key === "+" || event.key === "-") {
      event.preventDefault();
      zoom(event.key === "+" ? 2 : 0.5);
    }
  });
  const button = (text, label, act) => {
    const element = make("button", { type: "button", "aria-label": label }, text);
    element.addEventListener("click", act);
    return element;
  };
  // Of thin bars, which have no labels, this is the quickest that can be read.
  const told = make("span", { class: "told", "aria-hidden": "true" });
  for (const kind of ["pointerover", "focusin"]) {
    scroller.addEventListener(kind, (event) => {
      told.textContent = event.target.closest(".bar")?.title ?? "";
    });
  }
  const tools = make(
    "div",
    { class: "tools", role: "group", "aria-label": "Zoom" },
    make("h3", {}, "Timeline"),
    button("All", "Show all of the timeline", () => zoom(0)),
    button("+", "Zoom in", () => zoom(2)),
    button("−", "Zoom out", () => zoom(0.5)),
    ...(test.runs.length > 1
      ? test.runs.map((run, number) =>
          button(`Run ${number + 1}`, `Show run ${number + 1}, ${run.title}`, () => zoom(0, run)),
        )
      : []),
    told,
  );
  return [tools, scroller];
}

function drawBar(bar, next, lane, row, field, at) {
  const [colour, glyph] = look(bar.status);
  const from = at(bar.from);
  const to = at(bar.to);
  const lasted = bar.to > bar.from ? `, ${seconds(bar.to - bar.from)}` : "";
  const name = `${KINDS[bar.kind]} ${bar.title}, ${said(bar.status)}, ${lane.name}, at ${seconds(bar.from)}${lasted}`;
  const element = make("button", {
    type: "button",
    class: `bar ${bar.kind} ${bar.status} ${colour}`,
    tabindex: "-1",
    title: name,
    "aria-label": name,
    "aria-haspopup": "dialog",
  });
  place(element, from, to - from);
  element.addEventListener("click", () => showDetails(bar, element));
  row.append(element);
  const marks = (kind, times) => {
    let last = -1;
    for (const time of times) {
      const here = at(time);
      if (here - last < 0.001) continue; // it would stand on the one before
      row.append(make("i", { class: `${kind} ${colour}` }));
      place(row.lastElementChild, (last = here));
    }
  };
  if (bar.kind === "fault") {
    field.prepend(make("i", { class: "band" }));
    place(field.firstElementChild, from, to - from);
  }
  if (bar.limit !== undefined && at(bar.limit) <= 1) {
    row.append(make("i", { class: "limit" }));
    place(row.lastElementChild, Math.min(at(bar.limit), to), Math.max(0, at(bar.limit) - to));
  }
  marks("poll", bar.polls || []);
  marks("failure", bar.failures || []);
  marks("deed", bar.deeds || []);
  const label = make(
    "span",
    { class: `label ${bar.kind} ${colour}`, "aria-hidden": "true" },
    make("span", {}, glyph && make("b", {}, glyph), bar.title),
  );
  place(label, from, to - from);
  label.firstElementChild.style.maxWidth = `max(0px, ${((next ? at(next.from) : 1) - from) * 100}cqw - 18px)`;
  row.append(label);
  return { bar, element };
}

// Lets arrow keys go from bar to bar; a timeline is one stop of the Tab key.
function steer(rows, scroller) {
  const places = new Map();
  rows.forEach((row, y) => row.forEach((one, x) => places.set(one.element, [y, x])));
  const first = rows.find((row) => row.length);
  if (first) first[0].element.tabIndex = 0;
  scroller.addEventListener("focusin", (event) => {
    if (!places.has(event.target)) return;
    for (const element of scroller.querySelectorAll('.bar[tabindex="0"]')) element.tabIndex = -1;
    event.target.tabIndex = 0;
  });
  scroller.addEventListener("keydown", (event) => {
    const here = places.get(event.target);
    if (!here) return;
    const [y, x] = here;
    const own = rows[y];
    let next;
    if (event.key === "ArrowRight") next = own[x + 1];
    else if (event.key === "ArrowLeft") next = own[x - 1];
    else if (event.key === "Home") next = own[0];
    else if (event.key === "End") next = own[own.length - 1];
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const step = event.key === "ArrowDown" ? 1 : -1;
      let other = y + step;
      while (rows[other] && !rows[other].length) other += step;
      const away = (one) => Math.abs(one.bar.from - own[x].bar.from);
      next = rows[other]?.reduce((best, one) => (away(one) < away(best) ? one : best));
    } else return;
    event.preventDefault();
    next?.element.focus();
  });
}

// Returns a function that zooms by a factor; with 0 to all of it, or to a run.
function zoomer(test, scroller, canvas, axis, at) {
  const {
    span: [began, ended],
    time_scale: scale,
  } = test.timeline;
  let factor = 1;
  const drawAxis = () => {
    const wanted = (ended - began) / (8 * factor);
    const power = 10 ** Math.floor(Math.log10(wanted));
    const step = power * [1, 2, 5, 10].find((one) => one * power >= wanted);
    const digits = Math.max(0, -Math.floor(Math.log10(step)));
    for (const old of canvas.querySelectorAll(".grid, .tick")) old.remove();
    for (let number = Math.ceil(began / step); number * step <= ended; number += 1) {
      const time = number * step;
      const texts = [`${time.toFixed(digits)} s`];
      if (scale !== 1) texts.push(make("br"), `${(time * scale).toFixed(Math.max(digits, 1))} s`);
      axis.lastElementChild.append(make("span", { class: "tick" }, ...texts));
      place(axis.lastElementChild.lastElementChild, at(time));
      for (const field of canvas.querySelectorAll(".field")) {
        field.prepend(make("i", { class: "grid" }));
        place(field.firstElementChild, at(time));
      }
    }
  };
  drawAxis();
  return (by, run) => {
    const field = canvas.querySelector(".lane .field");
    const names = field.offsetLeft; // they keep their width, whatever the factor
    const middle = (scroller.scrollLeft + (scroller.clientWidth - names) / 2) / field.offsetWidth;
    const part = run ? Math.max(at(run.ended) - at(run.began), 0.01) : 1;
    factor = Math.min(
      64,
      Math.max(1, by ? factor * by : 0.9 * (1 + (1 / part - 1) * (1 - names / scroller.clientWidth))),
    );
    canvas.style.width = `${factor * 100}%`;
    drawAxis();
    scroller.scrollLeft = run
      ? (at(run.began) - part * 0.03) * field.offsetWidth
      : middle * field.offsetWidth - (scroller.clientWidth - names) / 2;
  };
}

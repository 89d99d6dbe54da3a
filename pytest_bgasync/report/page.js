"use strict";
// Draws the page from its data. All text goes in as text, never as HTML.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);

  // For each word: the class that gives it a colour, and a glyph, so that colour is not the only sign.
  const LOOKS = {
    crashed: ["bad", "✕"], failed: ["bad", "✕"], error: ["bad", "!"], interrupted: ["late", "■"], xpassed: ["late", "?"],
    timed_out: ["late", "◷"], lost: ["lost", "?"], unreachable: ["gone", "∅"], running: ["going", "…"],
    succeeded: ["good", "✓"], passed: ["good", "✓"], xfailed: ["good", "✓"], skipped: ["gone", "–"],
    ok: ["plain", ""], changed: ["plain", ""], ignored: ["plain", "✕"], unfinished: ["going", "…"], fault: ["fault", "⚡"],
  };
  const EXITS = ["all tests passed", "failed", "interrupted", "an internal error", "a usage error", "no tests"];
  const KINDS = { run: "run", task: "task", job: "job", fault: "fault", webhook: "webhook", stream: "traffic", gap: "longest gap of traffic" };
  // How many failures are open at first; above how many rows bars are thin, and very thin.
  const OPEN = 3, MANY = 40, VERY_MANY = 120;

  const look = (word) => LOOKS[word] || ["plain", ""];
  const said = (word) => word.replace("_", " ");
  const counted = (count, what) => `${count} ${what}${count === 1 ? "" : "s"}`;
  const seconds = (value) => `${Math.abs(value) >= 10 ? value.toFixed(0) : Math.abs(value) >= 1 ? value.toFixed(1) : value.toFixed(2)} s`;

  // Returns a new element with attributes and children; what is a string becomes text.
  function make(name, attributes = {}, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key === "class") element.className = value;
      else if (key in element && typeof value !== "string") element[key] = value;
      else element.setAttribute(key, value);
    }
    element.append(...children.filter((child) => child !== null && child !== ""));
    return element;
  }

  function badge(word, text = said(word)) {
    const [kind, glyph] = look(word);
    return make("span", { class: `badge ${kind}` }, glyph && make("span", { "aria-hidden": "true" }, glyph), text);
  }

  // Returns outcomes of jobs with their counts, in the order in which they stand above.
  function ordered(counts) {
    return Object.keys(LOOKS).filter((outcome) => counts[outcome]).map((outcome) => [outcome, `${counts[outcome]} ${said(outcome)}`]);
  }

  // The top of the page.

  function drawTop() {
    const { session, tests } = data;
    const jobs = {};
    for (const test of tests) for (const [outcome, count] of Object.entries(test.jobs)) jobs[outcome] = (jobs[outcome] || 0) + count;
    const total = Object.values(jobs).reduce((sum, count) => sum + count, 0);
    const when = new Date(session.at * 1000).toLocaleString([], { dateStyle: "long", timeStyle: "short" });
    const how = EXITS[session.exit_status] ?? `exit status ${session.exit_status}`;
    byId("session").textContent = `${when} · ${counted(tests.length, "test")} in ${seconds(session.ended - session.at)} · ${how}`;
    byId("figures").append(make("span", {}, `${counted(total, "background job")}${total ? ":" : ""}`),
      ...ordered(jobs).map(([outcome, text]) => badge(outcome, text)));
    byId("versions").textContent = `pytest-bgasync ${session.pytest_bgasync}, pytest ${session.pytest}, Python ${session.python}`;
  }

  function drawLegend() {
    const sample = (...parts) => make("span", { class: "sample", "aria-hidden": "true" }, ...parts);
    const entry = (text, ...parts) => make("span", { class: "entry" }, sample(...parts), text);
    const bar = (kind, status, attributes = "") => {
      const element = make("span", { class: `bar ${kind} ${status} ${look(status)[0]} ${attributes}` });
      place(element, 0, 0.8);
      return element;
    };
    const mark = (kind, from, length) => { const element = make("i", { class: kind }); place(element, from, length); return element; };
    const jobs = ["succeeded", "failed", "timed_out", "lost", "unreachable", "running"];
    byId("legend").lastElementChild.append(
      ...jobs.map((outcome) => entry(`job: ${look(outcome)[1]} ${said(outcome)}`, bar("job", outcome))),
      entry("a poll of the play", bar("job", "succeeded"), mark("poll good", 0.2), mark("poll good", 0.4), mark("poll good", 0.6)),
      entry("the limit in force", mark("limit", 0.1, 0.7)),
      entry("what the test did to a job", bar("job", "lost"), mark("deed", 0.4)),
      entry("a task", bar("task", "ok")),
      entry("a fault of a host", mark("band", 0, 0.8), bar("fault", "fault")),
      entry("a webhook", make("span", { class: "row" }, bar("webhook", "ok"))),
      entry("traffic, with requests that failed", bar("stream", "failed"), mark("failure", 0.3), mark("failure", 0.4)),
      entry("the longest gap of traffic", bar("gap", "failed")),
      make("span", {}, make("kbd", {}, "Tab"), " into a timeline, ", make("kbd", {}, "←"), " ", make("kbd", {}, "→"), " ", make("kbd", {}, "↑"), " ", make("kbd", {}, "↓"), " between bars"),
      make("span", {}, make("kbd", {}, "Enter"), " shows all of a bar, ", make("kbd", {}, "Esc"), " goes back, ", make("kbd", {}, "+"), " ", make("kbd", {}, "-"), " zoom"),
    );
  }

  // Places an element by parts of the whole width.
  function place(element, from, length) {
    element.style.left = `${from * 100}%`;
    if (length !== undefined) element.style.width = `${length * 100}%`;
  }

  // Tests.

  function drawTests() {
    const main = byId("tests");
    if (!data.tests.length) main.append(make("p", {}, "No test of this session used the fixture bgasync."));
    let open = data.tests.length === 1 ? 1 : OPEN;
    return data.tests.map((test) => {
      const section = drawTest(test);
      if ((test.fails || data.tests.length === 1) && open-- > 0) section.open = true;
      main.append(section);
      return { test, section, words: null };
    });
  }

  function drawTest(test) {
    const cut = test.nodeid.lastIndexOf("/", test.nodeid.indexOf("::")), head = test.nodeid.indexOf("::", cut) + 2;
    const jobs = Object.values(test.jobs).reduce((sum, count) => sum + count, 0);
    const meta = [counted(test.runs.length, "run"), jobs ? `${counted(jobs, "job")}: ${ordered(test.jobs).map(([, text]) => text).join(", ")}` : "no jobs"];
    if (test.took !== null) meta.push(seconds(test.took));
    if (test.worker) meta.push(test.worker);
    const section = make("details", { class: `test ${look(test.outcome)[0]}` },
      make("summary", {}, badge(test.outcome),
        make("span", { class: "name" }, make("span", {}, test.nodeid.slice(0, head)), test.nodeid.slice(head)),
        make("span", { class: "meta" }, meta.join(" · "))));
    section.addEventListener("toggle", () => {
      if (section.open && section.childElementCount === 1) section.append(drawBody(test));
    });
    return section;
  }

  function drawBody(test) {
    const body = make("div", { class: "body" });
    if (test.none) body.append(make("p", {}, test.none));
    if (test.why) body.append(make("p", { class: "why" }, test.why));
    const faults = test.findings.filter((finding) => finding.fails), remarks = test.findings.filter((finding) => !finding.fails);
    if (faults.length) body.append(make("h3", {}, "Findings that fail the test"), ...faults.map(drawFinding));
    if (test.timeline) body.append(...drawTimeline(test));
    if (remarks.length) body.append(fold("Remarks", `${remarks.length}`, ...remarks.map(drawFinding)));
    if (test.failure) body.append(fold("What pytest says", "", output(test.failure)));
    for (const run of test.runs) {
      if (run.stdout) body.append(fold("Output of ansible-playbook", run.title, output(run.stdout)));
      if (run.stderr) body.append(fold("Error output of ansible-playbook", run.title, output(run.stderr)));
    }
    return body;
  }

  function drawFinding(finding) {
    return make("div", { class: `finding ${finding.fails ? "bad" : "plain"}` },
      make("b", {}, finding.kind), make("p", {}, finding.what), make("p", { class: "cure" }, finding.cure));
  }

  function fold(title, more, ...inside) {
    return make("details", { class: "fold" }, make("summary", {}, make("b", {}, title), more && ` ${more}`), ...inside);
  }

  // A text with lines of its own; it scrolls, so keys have to reach it.
  function output(text) {
    return make("pre", { tabindex: "0" }, text);
  }

  // Timelines.

  function drawTimeline(test) {
    const { span: [began, ended], lanes, time_scale: scale } = test.timeline;
    const at = (time) => (time - began) / (ended - began);
    const count = lanes.reduce((sum, lane) => sum + lane.rows.length, 0);
    const canvas = make("div", { class: count > MANY ? "canvas dense" : "canvas" });
    const axis = make("div", { class: scale === 1 ? "axis single" : "axis", "aria-hidden": "true" },
      make("div", { class: "what" }, ...(scale === 1 ? ["seconds"] : ["playbook", make("br"), "real time"])), make("div", { class: "field" }));
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
      canvas.append(make("div", { class: `lane ${lane.kind}`, role: "group", "aria-label": lane.name }, make("div", { class: "what", title: lane.name }, make("span", {}, lane.name)), field));
    }
    const scroller = make("div", { class: "scroller", role: "group", "aria-label": "Timeline" }, canvas);
    steer(rows, scroller);
    const zoom = zoomer(test, scroller, canvas, axis, at);
    scroller.addEventListener("keydown", (event) => {
      if (event.key === "+" || event.key === "-") { event.preventDefault(); zoom(event.key === "+" ? 2 : 0.5); }
    });
    const button = (text, label, act) => {
      const element = make("button", { type: "button", "aria-label": label }, text);
      element.addEventListener("click", act);
      return element;
    };
    // Of thin bars, which have no labels, this is the quickest that can be read.
    const told = make("span", { class: "told", "aria-hidden": "true" });
    for (const kind of ["pointerover", "focusin"]) {
      scroller.addEventListener(kind, (event) => { told.textContent = event.target.closest(".bar")?.title ?? ""; });
    }
    const tools = make("div", { class: "tools", role: "group", "aria-label": "Zoom" }, make("h3", {}, "Timeline"),
      button("All", "Show all of the timeline", () => zoom(0)),
      button("+", "Zoom in", () => zoom(2)), button("−", "Zoom out", () => zoom(0.5)),
      ...(test.runs.length > 1 ? test.runs.map((run, number) => button(`Run ${number + 1}`, `Show run ${number + 1}, ${run.title}`, () => zoom(0, run))) : []), told);
    return [tools, scroller];
  }

  function drawBar(bar, next, lane, row, field, at) {
    const [colour, glyph] = look(bar.status);
    const from = at(bar.from), to = at(bar.to);
    const lasted = bar.to > bar.from ? `, ${seconds(bar.to - bar.from)}` : "";
    const name = `${KINDS[bar.kind]} ${bar.title}, ${said(bar.status)}, ${lane.name}, at ${seconds(bar.from)}${lasted}`;
    const element = make("button", { type: "button", class: `bar ${bar.kind} ${bar.status} ${colour}`, tabindex: "-1", title: name, "aria-label": name, "aria-haspopup": "dialog" });
    place(element, from, to - from);
    element.addEventListener("click", () => showDetails(bar, element));
    row.append(element);
    const marks = (kind, times) => {
      let last = -1;
      for (const time of times) {
        const here = at(time);
        if (here - last < 0.001) continue; // it would stand on the one before
        row.append(make("i", { class: `${kind} ${colour}` }));
        place(row.lastElementChild, last = here);
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
    marks("deed", (bar.deeds || []).map(([time]) => time));
    const label = make("span", { class: `label ${bar.kind} ${colour}`, "aria-hidden": "true" }, make("span", {}, glyph && make("b", {}, glyph), bar.title));
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
    const goTo = (one, from) => {
      from.tabIndex = -1;
      one.element.tabIndex = 0;
      one.element.focus();
    };
    scroller.addEventListener("focusin", (event) => {
      if (!places.has(event.target)) return;
      for (const element of scroller.querySelectorAll('.bar[tabindex="0"]')) element.tabIndex = -1;
      event.target.tabIndex = 0;
    });
    scroller.addEventListener("keydown", (event) => {
      const here = places.get(event.target);
      if (!here) return;
      const [y, x] = here, own = rows[y];
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
      if (next) goTo(next, event.target);
    });
  }

  // Returns a function that zooms by a factor; with 0 to all of it, or to a run.
  function zoomer(test, scroller, canvas, axis, at) {
    const { span: [began, ended], time_scale: scale } = test.timeline;
    let factor = 1;
    const drawAxis = () => {
      const wanted = (ended - began) / (8 * factor), power = 10 ** Math.floor(Math.log10(wanted));
      const step = power * [1, 2, 5, 10].find((one) => one * power >= wanted);
      const digits = Math.max(0, -Math.floor(Math.log10(step)));
      for (const old of canvas.querySelectorAll(".grid, .tick")) old.remove();
      for (let time = Math.ceil(began / step) * step; time <= ended; time += step) {
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
      const field = canvas.querySelector(".lane .field"), names = field.offsetLeft;
      const middle = (scroller.scrollLeft + (scroller.clientWidth - names) / 2) / field.offsetWidth;
      const part = run ? Math.max(at(run.ended) - at(run.began), 0.01) : 1;
      factor = Math.min(64, Math.max(1, by ? factor * by : 0.9 * (1 + (1 / part - 1) * (1 - names / scroller.clientWidth))));
      canvas.style.width = `${factor * 100}%`;
      drawAxis();
      scroller.scrollLeft = run ? (at(run.began) - part * 0.03) * field.offsetWidth : middle * field.offsetWidth - (scroller.clientWidth - names) / 2;
    };
  }

  // Details.

  let opener = null;

  function showDetails(bar, element) {
    hideDetails(false);
    opener = element;
    element.setAttribute("aria-current", "true");
    byId("details-kind").replaceChildren(KINDS[bar.kind], badge(bar.status));
    byId("details-title").textContent = bar.title;
    byId("facts").replaceChildren(...bar.facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
    byId("texts").replaceChildren(...(bar.texts || []).flatMap(([name, text]) => [make("h3", {}, name), output(text)]));
    byId("details").hidden = false;
    byId("details").scrollTop = 0;
    document.body.classList.add("detailed");
    byId("details").focus();
  }

  function hideDetails(back = true) {
    if (!opener) return;
    byId("details").hidden = true;
    document.body.classList.remove("detailed");
    opener.removeAttribute("aria-current");
    if (back) opener.focus();
    opener = null;
  }

  // The filter.

  function wordsOf(test) {
    const lanes = test.timeline ? test.timeline.lanes : [];
    return [test.nodeid, ...lanes.flatMap((lane) => [lane.name, ...lane.rows.flat().map((bar) => bar.title)])].join("\n").toLowerCase();
  }

  function drawFilter(entries) {
    const counts = new Map();
    for (const { test } of entries) counts.set(test.outcome, (counts.get(test.outcome) || 0) + 1);
    for (const [outcome, count] of counts) {
      const label = badge(outcome, `${count} ${said(outcome)}`);
      const element = make("label", { class: label.className }, make("input", { type: "checkbox", value: outcome, checked: true }), ...label.childNodes);
      byId("outcomes").append(element);
    }
    const apply = () => {
      const wanted = byId("text").value.trim().toLowerCase().split(/\s+/);
      const outcomes = new Set([...byId("outcomes").querySelectorAll(":checked")].map((input) => input.value));
      let visible = 0;
      for (const entry of entries) {
        entry.words ??= wordsOf(entry.test);
        const fits = outcomes.has(entry.test.outcome) && wanted.every((word) => entry.words.includes(word));
        entry.section.hidden = !fits;
        visible += fits;
      }
      byId("count").textContent = visible === entries.length ? "" : `${visible} of ${counted(entries.length, "test")}`;
    };
    byId("filter").addEventListener("input", apply);
    byId("filter").addEventListener("submit", (event) => event.preventDefault());
    byId("filter").hidden = !entries.length;
  }

  // Coverage.

  function drawCoverage() {
    const { coverage } = data;
    if (!coverage) return;
    const head = (...names) => make("thead", {}, make("tr", {}, ...names.map((name) => make("th", { scope: "col" }, name))));
    const number = (text) => make("td", { class: "number" }, String(text));
    const percent = (tasks, missing) => (tasks ? (100 * (tasks - missing)) / tasks : 0);
    const meter = (value) => [make("meter", { min: 0, max: 100, value, "aria-hidden": "true" }), `${Math.floor(value)} %`];
    const files = Object.entries(coverage.files), background = [];
    const rows = files.map(([name, file]) => {
      const names = new Map(file.tasks.map((task) => [task.line, task.name]));
      for (const [line, tried] of Object.entries(file.outcomes)) background.push([`${name}:${line}`, names.get(Number(line)), tried]);
      const trouble = new Set(file.missing_where_something_has_gone_wrong);
      const missing = [...file.missing].sort((a, b) => trouble.has(b) - trouble.has(a) || a - b);
      return make("tr", {}, make("th", { scope: "row" }, name), number(file.tasks.length), number(file.missing.length),
        make("td", {}, ...meter(percent(file.tasks.length, file.missing.length))),
        make("td", {}, ...missing.flatMap((line, place) => [place ? make("br") : "", `${line} ${names.get(line)}`, trouble.has(line) ? make("b", {}, " - where something has gone wrong") : ""])));
    });
    byId("coverage").append(make("p", {}, `${coverage.percent} of 100 tasks have run.`),
      make("div", { class: "wide" }, make("table", {}, head("File", "Tasks", "Missed", "Covered", "Never ran"), make("tbody", {}, ...rows))));
    if (background.length) {
      const outcomes = Object.keys(background[0][2]);
      byId("coverage").append(make("h3", {}, "Outcomes of background tasks"), make("div", { class: "wide" }, make("table", {}, head("Task", "Place", ...outcomes.map(said)),
        make("tbody", {}, ...background.map(([place, name, tried]) => make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, place),
          ...outcomes.map((outcome) => make("td", {}, tried[outcome] ? badge("passed", "tried") : "- not"))))))));
    }
    byId("coverage").hidden = false;
  }

  byId("close").addEventListener("click", () => hideDetails());
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideDetails(); });
  drawTop();
  drawLegend();
  drawFilter(drawTests());
  drawCoverage();
})();

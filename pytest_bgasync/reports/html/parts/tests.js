// The tests, and the filter that hides some.
// How many failures are open at first.
const OPEN = 3;

function drawTests(tests) {
  const main = byId("tests");
  if (!tests.length) main.append(make("p", {}, "No test of this session used the fixture bgasync."));
  let open = tests.length === 1 ? 1 : OPEN;
  return tests.map((test) => {
    const section = drawTest(test);
    if ((test.fails || tests.length === 1) && open-- > 0) section.open = true;
    main.append(section);
    return { test, section, words: null };
  });
}

function drawTest(test) {
  const head = test.nodeid.indexOf("::") + 2; // the file, which is not what differs
  const jobs = Object.values(test.jobs).reduce((sum, count) => sum + count, 0);
  const meta = [
    counted(test.runs.length, "run"),
    jobs ? `${counted(jobs, "job")}: ${Array.from(ordered(test.jobs), ([, text]) => text).join(", ")}` : "no jobs",
  ];
  if (test.took !== null) meta.push(seconds(test.took));
  if (test.worker) meta.push(test.worker);
  const section = make(
    "details",
    { class: `test ${look(test.outcome)[0]}` },
    make(
      "summary",
      {},
      badge(test.outcome),
      make("span", { class: "name" }, make("span", {}, test.nodeid.slice(0, head)), test.nodeid.slice(head)),
      make("span", { class: "meta" }, meta.join(" · ")),
    ),
  );
  section.addEventListener("toggle", () => {
    if (section.open && section.childElementCount === 1) section.append(drawBody(test));
  });
  return section;
}

function drawBody(test) {
  const body = make("div", { class: "body" });
  if (test.none) body.append(make("p", {}, test.none));
  if (test.why) body.append(make("p", { class: "why" }, test.why));
  const faults = test.findings.filter((finding) => finding.fails);
  const remarks = test.findings.filter((finding) => !finding.fails);
  if (faults.length) body.append(make("h3", {}, "Findings that fail the test"), ...faults.map(drawFinding));
  if (test.timeline) body.append(...drawTimeline(test));
  if (remarks.length) {
    const folded = fold("Remarks", `${remarks.length}`, ...remarks.map(drawFinding));
    folded.open = test.fails; // one of them can be why
    body.append(folded);
  }
  if (test.failure) body.append(fold("What pytest says", "", output(test.failure)));
  for (const run of test.runs) {
    if (run.stdout) body.append(fold("Output of ansible-playbook", run.title, output(run.stdout)));
    if (run.stderr) body.append(fold("Error output of ansible-playbook", run.title, output(run.stderr)));
  }
  return body;
}

function drawFinding(finding) {
  return make(
    "div",
    { class: `finding ${finding.fails ? "bad" : "plain"}` },
    make("b", {}, finding.kind),
    make("p", {}, finding.what),
    make("p", { class: "cure" }, finding.cure),
  );
}

function fold(title, more, ...inside) {
  return make("details", { class: "fold" }, make("summary", {}, make("b", {}, title), more && ` ${more}`), ...inside);
}

// A text with lines of its own; it scrolls, so keys have to reach it.
function output(text) {
  return make("pre", { tabindex: "0" }, text);
}

function wordsOf(test) {
  const lanes = test.timeline ? test.timeline.lanes : [];
  return [test.nodeid, ...lanes.flatMap((lane) => [lane.name, ...lane.rows.flat().map((bar) => bar.title)])]
    .join("\n")
    .toLowerCase();
}

function drawFilter(entries) {
  const counts = new Map();
  for (const { test } of entries) counts.set(test.outcome, (counts.get(test.outcome) || 0) + 1);
  for (const [outcome, count] of counts) {
    const label = badge(outcome, `${count} ${said(outcome)}`);
    const element = make(
      "label",
      { class: label.className },
      make("input", { type: "checkbox", value: outcome, checked: true }),
      ...label.childNodes,
    );
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

// What the signs of a timeline mean, and which keys there are.
function drawLegend() {
  const sample = (...parts) => make("span", { class: "sample", "aria-hidden": "true" }, ...parts);
  const entry = (text, ...parts) => make("span", { class: "entry" }, sample(...parts), text);
  const bar = (kind, status) => {
    const element = make("span", { class: `bar ${kind} ${status} ${look(status)[0]}` });
    place(element, 0, 0.8);
    return element;
  };
  const mark = (kind, from, length) => {
    const element = make("i", { class: kind });
    place(element, from, length);
    return element;
  };
  const keys = (names, text) => make("span", {}, ...names.flatMap((name) => [make("kbd", {}, name), " "]), text);
  const jobs = ["succeeded", "failed", "timed_out", "lost", "unreachable", "running"];
  byId("legend").lastElementChild.append(
    ...jobs.map((outcome) => entry(`job: ${look(outcome)[1]} ${said(outcome)}`, bar("job", outcome))),
    entry(
      "a poll of the play",
      bar("job", "succeeded"),
      mark("poll good", 0.2),
      mark("poll good", 0.4),
      mark("poll good", 0.6),
    ),
    entry("the limit in force", mark("limit", 0.1, 0.7)),
    entry("what the test did to a job", bar("job", "lost"), mark("deed", 0.4)),
    entry("a task", bar("task", "ok")),
    entry("a fault of a host", mark("band", 0, 0.8), bar("fault", "fault")),
    entry("a webhook", make("span", { class: "row" }, bar("webhook", "ok"))),
    entry("traffic, with requests that failed", bar("stream", "failed"), mark("failure", 0.3), mark("failure", 0.4)),
    entry("the longest gap of traffic", bar("gap", "failed")),
    keys(["Tab"], "into a timeline"),
    keys(["←", "→", "↑", "↓"], "from bar to bar"),
    keys(["Enter"], "shows all of a bar"),
    keys(["Esc"], "goes back"),
    keys(["+", "-"], "zoom in a timeline"),
  );
}

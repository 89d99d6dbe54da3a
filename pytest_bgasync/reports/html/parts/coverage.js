// Which tasks have run, and which outcomes of background tasks were tried.
function drawCoverage(coverage) {
  const head = (...names) =>
    make("thead", {}, make("tr", {}, ...names.map((name) => make("th", { scope: "col" }, name))));
  const number = (text) => make("td", { class: "number" }, String(text));
  const percent = (tasks, missing) => (tasks ? (100 * (tasks - missing)) / tasks : 0);
  const meter = (value) => [
    make("meter", { min: 0, max: 100, value, "aria-hidden": "true" }),
    `${Math.floor(value)} %`,
  ];
  const background = [];
  const rows = Object.entries(coverage.files).map(([name, file]) => {
    const names = new Map(file.tasks.map((task) => [task.line, task.name]));
    for (const [line, tried] of Object.entries(file.outcomes))
      background.push([`${name}:${line}`, names.get(Number(line)), tried]);
    const trouble = new Set(file.missing_where_something_has_gone_wrong);
    const missing = [...file.missing].sort((a, b) => trouble.has(b) - trouble.has(a) || a - b);
    return make(
      "tr",
      {},
      make("th", { scope: "row" }, name),
      number(file.tasks.length),
      number(file.missing.length),
      make("td", {}, ...meter(percent(file.tasks.length, file.missing.length))),
      make(
        "td",
        {},
        ...missing.flatMap((line, place) => [
          place ? make("br") : "",
          `${line} ${names.get(line)}`,
          trouble.has(line) ? make("b", {}, " - where something has gone wrong") : "",
        ]),
      ),
    );
  });
  const files = Object.values(coverage.files);
  const all = files.reduce((sum, file) => sum + file.tasks.length, 0);
  const missed = files.reduce((sum, file) => sum + file.missing.length, 0);
  byId("coverage").append(
    make("p", {}, `${all - missed} of ${counted(all, "task")} have run (${coverage.percent} %).`),
    make(
      "div",
      { class: "wide" },
      make("table", {}, head("File", "Tasks", "Missed", "Covered", "Never ran"), make("tbody", {}, ...rows)),
    ),
  );
  if (background.length) {
    const outcomes = Object.keys(background[0][2]);
    byId("coverage").append(
      make("h3", {}, "Outcomes of background tasks"),
      make(
        "div",
        { class: "wide" },
        make(
          "table",
          {},
          head("Task", "Place", ...outcomes.map(said)),
          make(
            "tbody",
            {},
            ...background.map(([place, name, tried]) =>
              make(
                "tr",
                {},
                make("th", { scope: "row" }, name),
                make("td", {}, place),
                ...outcomes.map((outcome) => make("td", {}, tried[outcome] ? badge("passed", "tried") : "- not")),
              ),
            ),
          ),
        ),
      ),
    );
  }
  byId("coverage").hidden = false;
}

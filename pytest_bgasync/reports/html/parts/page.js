// The head of the page, and the drawing of all of it from its data.
const EXITS = ["all tests passed", "failed", "interrupted", "an internal error", "a usage error", "no tests"];

function drawTop(session, tests) {
  const jobs = {};
  for (const test of tests)
    for (const [outcome, count] of Object.entries(test.jobs)) jobs[outcome] = (jobs[outcome] || 0) + count;
  const total = Object.values(jobs).reduce((sum, count) => sum + count, 0);
  const when = new Date(session.at * 1000).toLocaleString([], { dateStyle: "long", timeStyle: "short" });
  const how = EXITS[session.exit_status] ?? `exit status ${session.exit_status}`;
  byId("session").textContent =
    `${when} · ${counted(tests.length, "test")} in ${seconds(session.ended - session.at)} · ${how}`;
  byId("figures").append(
    make("span", {}, `${counted(total, "background job")}${total ? ":" : ""}`),
    ...ordered(jobs).map(([outcome, text]) => badge(outcome, text)),
  );
  byId("versions").textContent =
    `pytest-bgasync ${session.pytest_bgasync}, pytest ${session.pytest}, Python ${session.python}`;
}

const data = JSON.parse(byId("data").textContent);
drawTop(data.session, data.tests);
drawLegend();
drawFilter(drawTests(data.tests));
if (data.coverage) drawCoverage(data.coverage);

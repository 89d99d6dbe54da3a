// What all parts draw with. All text goes in as text, never as HTML.
"use strict";

const byId = (id) => document.getElementById(id);

// For each word: the class that gives it a colour, and a glyph, so that colour is not the only sign.
const LOOKS = {
  crashed: ["bad", "✕"],
  failed: ["bad", "✕"],
  error: ["bad", "!"],
  interrupted: ["late", "■"],
  xpassed: ["late", "?"],
  timed_out: ["late", "◷"],
  lost: ["lost", "?"],
  unreachable: ["gone", "∅"],
  running: ["going", "…"],
  succeeded: ["good", "✓"],
  passed: ["good", "✓"],
  xfailed: ["good", "✓"],
  skipped: ["gone", "–"],
  ok: ["plain", ""],
  changed: ["plain", ""],
  ignored: ["plain", "✕"],
  unfinished: ["going", "…"],
  fault: ["fault", "⚡"],
};

const KINDS = {
  run: "run",
  task: "task",
  job: "job",
  fault: "fault",
  webhook: "webhook",
  stream: "traffic",
  gap: "longest gap of traffic",
};

const look = (word) => LOOKS[word] || ["plain", ""];
const said = (word) => word.replace("_", " ");
const counted = (count, what) => `${count} ${what}${count === 1 ? "" : "s"}`;
const seconds = (value) =>
  `${Math.abs(value) >= 10 ? value.toFixed(0) : Math.abs(value) >= 1 ? value.toFixed(1) : value.toFixed(2)} s`;

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
  return Object.keys(LOOKS)
    .filter((outcome) => counts[outcome])
    .map((outcome) => [outcome, `${counts[outcome]} ${said(outcome)}`]);
}

// Places an element by parts of the whole width.
function place(element, from, length) {
  element.style.left = `${from * 100}%`;
  if (length !== undefined) element.style.width = `${length * 100}%`;
}

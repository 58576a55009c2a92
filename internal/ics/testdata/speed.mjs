// Reads a file by ical.js, or by node-ical, as its argument says, and prints how many milliseconds that took at best.
import { readFileSync } from "node:fs";
import ICAL from "ical.js";
import ical from "node-ical";

const text = readFileSync(process.argv[3], "utf8");
const ways = {
  "ical.js"() {
    let n = 0;
    for (const c of new ICAL.Component(ICAL.parse(text)).getAllSubcomponents("vevent")) {
      const e = new ICAL.Event(c);
      if (e.startDate && e.endDate) n++;
    }
    return n;
  },
  "node-ical"() {
    return Object.values(ical.sync.parseICS(text)).filter((e) => e.type === "VEVENT" && e.start && e.end).length;
  },
};
let best = Infinity, events = 0;
for (let i = 0; i < 3; i++) {
  const began = performance.now();
  events = ways[process.argv[2]]();
  best = Math.min(best, performance.now() - began);
}
process.stdout.write(JSON.stringify({ events, ms: best }));

// Expands the rules on its standard input, JSON Lines, by the library that its argument names: rrule or ical.js.
import { createInterface } from "node:readline";
import rrule from "rrule";
import ICAL from "ical.js";

const { RRule } = rrule.RRule ? rrule : { RRule: rrule };

const libraries = {
  rrule(rule, start, from, to) {
    return new RRule({ ...RRule.parseString(rule), dtstart: start }).between(from, new Date(to - 1), true);
  },
  "ical.js"(rule, start, from, to) {
    const it = ICAL.Recur.fromString(rule).iterator(ICAL.Time.fromString(start.toISOString().slice(0, 19) + "Z"));
    const all = [];
    for (let t = it.next(); t && t.toJSDate() < to; t = it.next()) {
      if (t.toJSDate() >= from) all.push(t.toJSDate());
    }
    return all;
  },
};

const stamp = (d) => d.toISOString().slice(0, 19).replace(/[-:]/g, "") + "Z";
for await (const line of createInterface({ input: process.stdin })) {
  const q = JSON.parse(line);
  let answer;
  try {
    answer = { starts: libraries[process.argv[2]](q.rule, new Date(q.start), new Date(q.from), new Date(q.to)).map(stamp).sort().filter((s, i, all) => s !== all[i - 1]) };
  } catch (e) {
    answer = { error: String(e) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}

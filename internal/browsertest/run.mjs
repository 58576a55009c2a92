// Runs one scenario in Chromium. Standard input says which: {chromium, scenario, screenshots, home, args}.
//
// A scenario's default export is called with a world and args. The world has
//
//   open({javaScript, dark, phone})  a page of a browser context of its own; scripts are on unless javaScript is false
//   axe(page, what)                  fails if axe finds something serious on the page
//   fits(page, what)                 fails if the page can be scrolled sideways
//   shot(page, name)                 keeps a picture of the whole page as NAME.png, if somebody wants pictures
//   allow(pattern)                   what is about to be written to the console is meant to be there
//   assert                           node:assert/strict
//   step(name, f)                    runs f; what it throws is told with the name
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const given = JSON.parse(readFileSync(0, 'utf8'));
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
if (given.screenshots) mkdirSync(given.screenshots, { recursive: true });

// Chromium starts with an empty profile of Playwright's, and talks to nobody of its own accord.
const browser = await chromium.launch({
  executablePath: given.chromium,
  headless: true,
  chromiumSandbox: false,
  args: [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync',
  ],
  env: { ...process.env, HOME: given.home },
});

const wrong = [];
const allowed = [];
const complain = (text) => {
  if (!allowed.some((pattern) => pattern.test(text))) wrong.push(text);
};

async function open({ javaScript = true, dark = false, phone = false } = {}) {
  const context = await browser.newContext({
    javaScriptEnabled: javaScript,
    colorScheme: dark ? 'dark' : 'light',
    reducedMotion: 'reduce',
    viewport: phone ? { width: 390, height: 844 } : { width: 1280, height: 800 },
    isMobile: phone,
    hasTouch: phone,
    locale: 'en-GB',
    timezoneId: 'UTC',
  });
  context.setDefaultTimeout(120_000); // for machines that are busy
  const page = await context.newPage();
  page.on('console', (m) => {
    if (m.type() === 'error' || m.type() === 'warning') complain(`${page.url()}: console ${m.type()}: ${m.text()}`);
  });
  page.on('pageerror', (e) => complain(`${page.url()}: ${e.stack ?? e}`));
  page.on('requestfailed', (r) => {
    // What is under way when a page is left ends so.
    if (r.failure()?.errorText !== 'net::ERR_ABORTED') complain(`${r.url()}: ${r.failure()?.errorText}`);
  });
  return page;
}

async function axe(page, what) {
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  for (const v of violations) {
    const text = `${what}: axe, ${v.impact}: ${v.id}: ${v.help}\n` + v.nodes.slice(0, 5).map((n) => `    ${n.html}\n    ${n.failureSummary?.replaceAll('\n', ' ')}`).join('\n');
    if (v.impact === 'serious' || v.impact === 'critical') wrong.push(text);
    else console.log(text);
  }
}

async function fits(page, what) {
  const [wide, window] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  if (wide > window) {
    const widest = await page.evaluate(() => [...document.querySelectorAll('body *')]
      .filter((e) => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1).slice(0, 5).map((e) => e.outerHTML.slice(0, 120)));
    wrong.push(`${what}: it is ${wide} px wide in a window of ${window} px:\n    ${widest.join('\n    ')}`);
  }
}

const world = {
  assert, open, axe, fits,
  allow: (pattern) => allowed.push(pattern),
  shot: async (page, name) => {
    if (given.screenshots) await page.screenshot({ path: join(given.screenshots, `${name}.png`), fullPage: true });
  },
  step: async (name, f) => {
    try {
      await f();
    } catch (e) {
      wrong.push(`${name}: ${e.stack ?? e}`);
    }
  },
};

try {
  const scenario = await import(pathToFileURL(given.scenario));
  await scenario.default(world, given.args);
} catch (e) {
  wrong.push(e.stack ?? String(e));
} finally {
  await browser.close();
}
for (const text of wrong) console.error(text);
process.exitCode = wrong.length > 0 ? 1 : 0;

// With scripts, pages follow what happens, search as one types, and ask in place.
export default async ({ open, assert, step, shot, axe, fits, allow }, { base, key }) => {
  const page = await open();
  const main = page.locator('main');
  const world = (what) => page.request.post(`${base}/world/${what}`);
  const following = () => page.waitForFunction(() => document.getElementById('live')?._htmx?.sse);
  await step('a page follows although its scripts come one by one', async () => {
    const slow = await open();
    await slow.route('**/hx-sse*', async (route) => { // it comes when htmx has long been there
      await slow.waitForFunction(() => globalThis.htmx);
      await slow.evaluate(() => new Promise((done) => { setTimeout(done, 100); }));
      await route.continue();
    });
    await slow.goto(`${base}/console/`);
    await slow.waitForFunction(() => document.getElementById('live')?._htmx?.sse, null, { timeout: 10_000 });
    await slow.context().close();
  });
  await step('a change arrives without a reload', async () => {
    await page.goto(`${base}/console/`);
    await page.evaluate(() => { globalThis.sameDocument = true; });
    await following();
    await world('meet');
    await page.getByRole('link', { name: 'Vandelay: imports' }).waitFor();
    assert.equal(await page.evaluate(() => globalThis.sameDocument), true);
    await page.locator('#updates', { hasText: 'The page has changed.' }).waitFor({ state: 'attached' });
  });
  await step('it follows on, and what is open stays open', async () => {
    await page.goto(`${base}/console/meeting?key=${encodeURIComponent(key)}`);
    await following();
    await page.getByText('rules that do not stand in the way').click();
    await world('skip');
    await page.getByText('It will not be recorded').waitFor();
    assert.equal(await page.locator('details.fine').evaluate((d) => d.open), true);
    await world('record');
    await page.getByText('It will be recorded').waitFor();
  });
  await step('what is being written is left alone', async () => {
    await page.goto(`${base}/console/`);
    await following();
    await page.getByLabel('Title, person or link').pressSequentially('hooli');
    await page.getByRole('link', { name: 'Pied Piper demo' }).waitFor({ state: 'detached' });
    assert.equal(await page.getByRole('link', { name: 'Hooli: quarterly numbers' }).count(), 1);
    const followed = page.waitForResponse((r) => r.url().includes('/console/') && r.url().includes('q=hooli'));
    await world('meet');
    await followed;
    assert.equal(await page.getByLabel('Title, person or link').inputValue(), 'hooli');
    assert.equal(await page.evaluate(() => document.activeElement.name), 'q');
    assert.equal(await page.getByRole('link', { name: 'Vandelay: imports' }).count(), 0);
    assert.match(page.url(), /q=hooli/);
    await page.reload();
    assert.equal(await page.getByLabel('Title, person or link').inputValue(), 'hooli');
    assert.equal(await page.getByRole('link', { name: 'Pied Piper demo' }).count(), 0);
  });
  await step('by the keyboard: to a meeting, Skip, confirm', async () => {
    await page.goto(`${base}/console/`);
    const tabTo = async (name) => {
      for (let i = 0; i < 80; i++) {
        await page.keyboard.press('Tab');
        const [text, outline] = await page.evaluate(() => [document.activeElement.innerText ?? '', getComputedStyle(document.activeElement).outlineStyle]);
        if (text.trim() !== '') assert.notEqual(outline, 'none', `${text} has no visible focus`);
        if (text.trim().startsWith(name)) return;
      }
      assert.fail(`Tab does not come to ${name}`);
    };
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.innerText), 'Skip to the content');
    await tabTo('Stark: architecture');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Stark: architecture', level: 1 }).waitFor();
    await tabTo('Skip to the content');
    await page.keyboard.press('Enter');
    await tabTo('All meetings');
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.innerText), 'Skip');
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: 'Skip this meeting?' });
    await dialog.waitFor();
    await axe(page, 'the question');
    await shot(page, 'question');
    assert.equal(await page.evaluate(() => document.activeElement.closest('dialog') !== null), true);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    assert.equal(await page.evaluate(() => document.activeElement.innerText), 'Skip');
    await page.keyboard.press('Enter');
    await dialog.waitFor();
    await tabTo('Skip it');
    await page.keyboard.press('Enter');
    await page.getByText('Noted: this meeting is to be skipped').waitFor();
    await main.getByText('It will not be recorded: ana@acme.com asked').waitFor();
  });
  await step('what another policy would do, and one that is none', async () => {
    allow(/status of 422/);
    for (const [name, change, says] of [
      ['tried', (text) => text.replace('domains: [lawfirm.example]', 'domains: [globex.example]'), 'What would happen'],
      ['wrong', (text) => text.replace('internal: false', 'internal: perhaps'), "It can't be used yet"],
    ]) {
      for (const way of [{}, { phone: true, dark: true }]) {
        const other = await open(way);
        await other.goto(`${base}/console/policy`);
        const text = other.getByLabel('Policy, as YAML');
        await text.fill(change(await text.inputValue()));
        await other.getByRole('button', { name: 'Try it' }).click();
        await other.getByRole('heading', { name: says }).waitFor();
        await axe(other, `policy, ${name}`);
        await fits(other, `policy, ${name}`);
        await shot(other, `policy-${name}${way.phone ? '-phone' : ''}`);
        await other.context().close();
      }
    }
  });
};

// Without scripts every page opens, and every form does what it says.
export default async ({ open, assert, step, allow }, { base, pages, key, series }) => {
  allow(/status of (404|422)/);
  const page = await open({ javaScript: false });
  const main = page.locator('main');
  await step('pages', async () => {
    for (const [name, path] of Object.entries(pages)) {
      const answer = await page.goto(base + path);
      assert.equal(answer.status(), name === 'error' ? 404 : 200, name);
      assert.ok((await main.innerText()).length > 40, name);
    }
  });
  await step('navigation', async () => {
    await page.goto(`${base}/`);
    for (const name of ['Meetings', 'Calendars', 'Providers', 'Policy', 'Deliveries', 'Quarantine', 'Connect', 'Recordings']) {
      await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name }).click();
      assert.match(await page.getByRole('navigation', { name: 'Pages' }).locator('[aria-current=page]').innerText(), new RegExp(name));
    }
  });
  await step('search', async () => {
    await page.goto(`${base}/console/`);
    await page.getByLabel('Title, person or link').fill('richard@piedpiper.example');
    await page.getByRole('button', { name: 'Search' }).click();
    assert.match(await main.innerText(), /Pied Piper demo/);
    assert.doesNotMatch(await main.innerText(), /Hooli/);
    await page.getByLabel('Title, person or link').fill('');
    await page.getByLabel('Provider').selectOption('meet');
    await page.getByRole('button', { name: 'Search' }).click();
    assert.match(await main.innerText(), /QBR Globex/);
    assert.doesNotMatch(await main.innerText(), /Hooli/);
  });
  await step('a meeting of a rule', async () => {
    await page.goto(`${base}/console/meetings`);
    await page.getByRole('link', { name: 'Excluded domains' }).click();
    await page.getByRole('link', { name: 'Legal: contract review' }).click();
    assert.match(await main.innerText(), /It will not be recorded: kim@lawfirm.example is at the excluded domain/);
    assert.match(await main.innerText(), /exclude.domains/);
    assert.equal(await page.getByRole('link', { name: 'Skip', exact: true }).count(), 0);
    assert.equal(await main.getByText('Cancelled meetings').isVisible(), false);
    await page.getByText('rules that do not stand in the way').click();
    assert.equal(await main.getByText('Cancelled meetings').isVisible(), true);
  });
  await step('skip and record', async () => {
    await page.goto(`${base}/console/meeting?key=${encodeURIComponent(key)}`);
    await page.getByRole('link', { name: 'Skip', exact: true }).click();
    await page.getByRole('link', { name: 'Leave it as it is' }).click();
    assert.match(await main.innerText(), /It will be recorded/);
    await page.getByRole('link', { name: 'Skip', exact: true }).click();
    await page.getByRole('button', { name: 'Skip it' }).click();
    assert.match(await main.innerText(), /Noted: this meeting is to be skipped/);
    assert.match(await main.innerText(), /It will not be recorded: ana@acme.com asked/);
    await page.getByRole('link', { name: 'Record', exact: true }).click();
    await page.getByRole('button', { name: 'Record it' }).click();
    assert.match(await main.innerText(), /It will be recorded/);
    assert.match(await main.innerText(), /What people said[^]*Record it[^]*ana@acme.com[^]*Skip it[^]*ana@acme.com/);
    assert.equal(await page.getByRole('button', { name: 'Take back' }).count(), 1);
    await page.getByRole('button', { name: 'Take back: Record it' }).click();
    assert.match(await main.innerText(), /Taken back: what you had said counts no more/);
    assert.match(await main.innerText(), /It will be recorded/);
    assert.doesNotMatch(await main.innerText(), /What people said/);
    await page.goto(`${base}/console/meeting?key=${encodeURIComponent(series)}`);
    await page.getByRole('link', { name: 'Skip', exact: true }).click();
    assert.match(await main.innerText(), /this occurrence alone/);
  });
  await step('retry', async () => {
    await page.goto(`${base}/console/deliveries`);
    await page.getByRole('button', { name: 'Retry Pied Piper demo to recorder' }).click();
    assert.match(await main.innerText(), /tried again now/);
    await page.goto(`${base}/console/deliveries?status=waiting`);
    assert.match(await main.innerText(), /Pied Piper demo/);
  });
  await step('release', async () => {
    await page.goto(`${base}/console/quarantine`);
    await page.getByRole('button', { name: 'Release Pricing call' }).click();
    assert.match(await main.innerText(), /The letter is believed/);
    assert.equal(await page.getByText('Pricing call').count(), 0);
  });
  await step('what if', async () => {
    await page.goto(`${base}/console/policy`);
    const text = page.getByLabel('Policy, as YAML');
    const policy = await text.inputValue();
    await text.fill(policy.replace('internal: false', 'internal: true').replace('domains: [lawfirm.example]', 'domains: [globex.example]'));
    await page.getByRole('button', { name: 'Try it' }).click();
    const says = await main.innerText();
    assert.match(says, /2 recordings would start, 5 stop/);
    assert.match(says, /Legal: contract review/);
    assert.match(says, /QBR Globex/);
    await text.fill(policy.replace('internal: false', 'internal: perhaps').replace('meetings: recordable_host', 'meeting: recordable_host'));
    await page.getByRole('button', { name: 'Try it' }).click();
    assert.match(await main.innerText(), /Line \d+:.*"meeting".*meetings/);
    assert.match(await main.innerText(), /internal: perhaps/);
    assert.match(await text.inputValue(), /internal: perhaps/);
  });
};

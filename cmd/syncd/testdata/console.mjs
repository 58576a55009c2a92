// The pages of a daemon on the demo: somebody signs in, opens every page, skips a meeting and sees it on another page that
// follows, tries a policy, and leaves.
export default async ({ open, assert, step, axe, fits, shot, allow }, { base, token }) => {
  allow(/status of 401/); // a stranger's page
  const pages = ['Recordings', 'Meetings', 'Calendars', 'Providers', 'Policy', 'Deliveries', 'Quarantine', 'Connect'];
  const signIn = async (page, word) => {
    await page.getByLabel('Token').fill(word);
    await page.getByRole('button', { name: 'Sign in' }).click();
  };
  const page = await open();
  const main = page.locator('main');
  await step('a stranger', async () => {
    const answer = await page.goto(`${base}/console/meetings?outcome=recorded`);
    assert.equal(answer.status(), 401);
    await axe(page, 'sign in');
    await fits(page, 'sign in');
    await shot(page, 'signin');
    await signIn(page, 'made-up');
    await page.getByText('This token opens nothing').waitFor();
    await shot(page, 'signin-refused');
    await signIn(page, token);
    await page.getByRole('heading', { name: 'All meetings' }).waitFor();
    assert.match(page.url(), /outcome=recorded$/);
  });
  await step('every page', async () => {
    for (const name of pages) {
      await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name }).click();
      await page.getByRole('navigation', { name: 'Pages' }).locator('[aria-current=page]', { hasText: name }).waitFor();
      assert.ok((await main.innerText()).length > 40, name);
      await axe(page, name);
      await fits(page, name);
      await shot(page, name.toLowerCase());
    }
  });
  await step('what each shows', async () => {
    for (const [path, says] of [
      ['/', /Acme x Globex: kick-off/], ['/?q=globex', /QBR Globex/], ['/meetings?q=KIM@lawfirm.example', /Legal: contract review/], ['/meetings?q=94440003333', /Hooli intro/],
      ['/meetings?q=cara@acme.com&rule=never_record', /Umbrella onboarding/], ['/meetings?outcome=not_recorded&rule=excluded_title', /Board meeting: Q4/],
      ['/calendars', /ana@acme.com\s+google:acme.com/], ['/calendars?trouble=1', /old@acme.co.uk/],
      ['/deliveries?status=delivered', /Acme x Globex: kick-off[\s\S]*log/], ['/policy', /policy\.yaml/],
      ['/connect', /company-wide/],
    ]) {
      const answer = await page.goto(`${base}/console${path}`);
      assert.equal(answer.status(), 200, path);
      assert.match(await main.innerText(), says, path);
    }
    for (const hidden of ['doctor', 'dentist']) { // titles of private meetings
      await page.goto(`${base}/console/meetings?q=${hidden}`);
      assert.match(await main.innerText(), /No meeting/i);
    }
  });
  await step('a meeting is skipped, and another page sees it', async () => {
    const other = await page.context().newPage();
    await other.goto(`${base}/console/`);
    await other.getByRole('link', { name: 'Initech integration' }).first().click();
    await other.waitForFunction(() => document.getElementById('live')?._htmx?.sse);
    await other.evaluate(() => { globalThis.sameDocument = true; });
    await other.getByText('It will be recorded').waitFor();
    await shot(other, 'meeting');
    await page.goto(other.url());
    await page.getByRole('link', { name: 'Skip', exact: true }).click();
    await page.getByRole('button', { name: 'Skip it' }).click();
    await page.getByText('Noted: this meeting is to be skipped').waitFor();
    await other.getByText('It will not be recorded').waitFor();
    assert.equal(await other.evaluate(() => globalThis.sameDocument), true);
    await shot(other, 'meeting-skipped');
    await page.getByRole('link', { name: 'Record', exact: true }).click();
    await page.getByRole('button', { name: 'Record it' }).click();
    await other.getByText('It will be recorded').waitFor();
    await other.close();
  });
  await step('another policy', async () => {
    allow(/status of 422/);
    await page.goto(`${base}/console/policy`);
    const text = page.getByLabel('Policy, as YAML');
    const policy = await text.inputValue();
    await text.fill(policy.replace('domains: [lawfirm.example]', 'domains: [globex.com]'));
    await page.getByRole('button', { name: 'Try it' }).click();
    await page.getByRole('heading', { name: 'What would happen' }).waitFor();
    assert.match(await main.innerText(), /0 recordings would start, [1-9]\d* stop[\s\S]*QBR Globex/);
    await shot(page, 'policy-tried');
    await text.fill(policy.replace('internal: false', 'internal: perhaps'));
    await page.getByRole('button', { name: 'Try it' }).click();
    await page.getByRole('heading', { name: "It can't be used yet" }).waitFor();
  });
  await step('leaving', async () => {
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    const answer = await page.goto(`${base}/console/`);
    assert.equal(answer.status(), 401);
  });
};

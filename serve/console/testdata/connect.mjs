// A user consents at the provider, without scripts and with them; somebody does not; an old way back leads nowhere.
export default async ({ open, assert, step, axe, fits, shot, allow }, { base }) => {
  allow(/status of (409|403)/);
  const connect = async (page, user) => {
    await page.goto(`${base}/console/connect`);
    await page.getByLabel('Whose calendar').fill(user);
    await page.getByRole('button', { name: 'Connect a user to google:people' }).click();
  };
  for (const javaScript of [false, true]) {
    await step(`connect and disconnect, scripts ${javaScript}`, async () => {
      const page = await open({ javaScript });
      const main = page.locator('main');
      let callback = '';
      page.on('response', (r) => { if (r.url().includes('/connect/callback')) callback = r.url(); });
      await connect(page, javaScript ? 'bo@acme.com' : 'ana@acme.com');
      await page.getByRole('heading', { name: 'Connected', exact: true }).waitFor();
      assert.match(await main.innerText(), /google:people reads the calendar of (ana|bo)@acme.com now/);
      const again = await page.goto(callback);
      assert.equal(again.status(), 409);
      assert.match(await main.innerText(), /used already/);
      await page.getByRole('link', { name: 'Back to Connect' }).click();
      assert.equal(await page.getByText(javaScript ? 'bo@acme.com' : 'ana@acme.com').count() > 0, true);
      if (javaScript) {
        await shot(page, 'connect-users');
        return page.context().close();
      }
      await page.getByRole('button', { name: 'Disconnect ana@acme.com' }).click();
      await page.getByRole('link', { name: 'Leave it as it is' }).click();
      await page.getByRole('button', { name: 'Disconnect ana@acme.com' }).click();
      await page.getByRole('button', { name: 'Disconnect' }).click();
      assert.match(await main.innerText(), /Disconnected/);
      assert.equal(await main.getByText('ana@acme.com').count(), 0);
      await page.context().close();
    });
  }
  await step('somebody who may not', async () => {
    const page = await open();
    await connect(page, 'gus@acme.com');
    await page.getByRole('heading', { name: 'Not connected' }).waitFor();
    assert.match(await page.locator('main').innerText(), /did not allow it/);
    await shot(page, 'connect-refused');
  });
  await step('set-up pages', async () => {
    for (const way of [{}, { phone: true, dark: true }]) {
      const page = await open(way);
      await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
      await page.goto(`${base}/console/connect`);
      await page.getByRole('link', { name: 'google:acme.com' }).click();
      assert.match(await page.locator('main').innerText(), /100000000000000000001/);
      assert.match(await page.locator('main').innerText(), /calendar.events.readonly,/);
      await page.getByRole('button', { name: 'Copy Client ID' }).click();
      await page.getByText('Copied', { exact: true }).waitFor();
      assert.equal(await page.evaluate(() => navigator.clipboard.readText()), '100000000000000000001');
      await fits(page, 'set-up');
      await axe(page, 'set-up');
      await shot(page, `setup${way.phone ? '-phone' : ''}`);
    }
  });
};

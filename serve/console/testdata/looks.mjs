// Opens every page in light, in dark and on a phone, looks at each, and keeps pictures.
const ways = { light: {}, dark: { dark: true }, phone: { phone: true } };

export default async ({ open, axe, fits, shot, assert, allow }, { pages }) => {
  allow(/nowhere.*404/);
  allow(/status of 404.*Not Found/);
  await Promise.all(Object.entries(ways).map(async ([way, options]) => {
    const page = await open(options);
    for (const [name, path] of Object.entries(pages)) {
      const what = `${name}, ${way}`;
      const answer = await page.goto(path);
      assert.equal(answer.status(), name === 'error' ? 404 : 200, what);
      assert.equal(await page.locator('h1, h2').first().isVisible(), true, what);
      assert.equal(await page.locator('main').count(), 1, what);
      await fits(page, what);
      await axe(page, what);
      await shot(page, `${name}-${way}`);
    }
    await page.context().close();
  }));
};

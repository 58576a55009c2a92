// Opens one page on a phone and looks at it.
export default async ({ open, axe, fits, shot }, { base, page: name }) => {
  if (name === 'throw') throw new Error('thrown on purpose');
  const page = await open({ phone: true });
  await page.goto(`${base}/${name}`);
  await axe(page, name);
  await fits(page, name);
  await shot(page, name);
};

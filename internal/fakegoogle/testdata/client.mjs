// Reads calendars with Google's own client for Node, which had no part in making the simulated tenant.
//
//	client.mjs ROOT TOKEN list CALENDAR PARAMETERS    all pages of events.list
//	client.mjs ROOT TOKEN calendars                   all pages of calendarList.list
//	client.mjs ROOT TOKEN instances CALENDAR EVENT
//
// It prints {items, pages, syncToken}, or {error: {status, reason}}.
import { calendar, auth } from '@googleapis/calendar'

const [root, token, command, ...rest] = process.argv.slice(2)
const client = new auth.OAuth2()
client.setCredentials({ access_token: token })
const service = calendar({ version: 'v3', auth: client, rootUrl: root + '/', retry: false })

const methods = {
  list: (p) => service.events.list({ calendarId: rest[0], ...JSON.parse(rest[1]), ...p }),
  calendars: (p) => service.calendarList.list(p),
  instances: (p) => service.events.instances({ calendarId: rest[0], eventId: rest[1], ...p }),
}

async function all(method) {
  const got = { items: [], pages: 0, syncToken: '' }
  for (let pageToken; ; ) {
    const { data } = await method(pageToken ? { pageToken } : {})
    got.pages++
    got.items.push(...(data.items ?? []))
    if (!data.nextPageToken) {
      got.syncToken = data.nextSyncToken ?? ''
      return got
    }
    pageToken = data.nextPageToken
  }
}

try {
  console.log(JSON.stringify(await all(methods[command])))
} catch (e) {
  const errors = e.response?.data?.error?.errors
  console.log(JSON.stringify({ error: { status: Number(e.status ?? e.code ?? 0), reason: errors?.[0]?.reason ?? String(e.message) } }))
}

// Starts the Google service of npm's emulate, an emulator that had no part in making syncd, and prints its
// address. It ends when standard input does.
//
//	emulator.mjs PORT SEED
import { createEmulator } from 'emulate'

const emulator = await createEmulator({ service: 'google', port: Number(process.argv[2]), seed: JSON.parse(process.argv[3]) })
console.log(JSON.stringify({ url: emulator.url }))
process.stdin.resume()
process.stdin.on('end', () => process.exit(0))

// Starts a service of npm's emulate, an emulator that had no part in making syncd, and prints its address. It ends
// when standard input does.
//
//	emulator.mjs SERVICE PORT SEED
import { createEmulator } from 'emulate'

const [, , service, port, seed] = process.argv
const emulator = await createEmulator({ service, port: Number(port), seed: JSON.parse(seed) })
console.log(JSON.stringify({ url: emulator.url }))
process.stdin.resume()
process.stdin.on('end', () => process.exit(0))

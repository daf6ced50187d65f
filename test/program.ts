// The program that a test starts as a process of its own. `scripts/test.ts` has it bundled for the
// tiers that start it hundreds of times; alone, a test runs the sources.
import { join } from 'node:path'

const SOURCES = join(import.meta.dirname, '../packages/gateway/src')

export const MAIN = process.env.COUNTERSIGN_MAIN ?? join(SOURCES, 'main.ts')
/** The API that the demo puts behind the gateway. */
export const API = join(SOURCES, 'demo/api.ts')

// A small ledger on the real disk, whose system calls are the same in every run: one entry at a
// time, virtual time, seeded randomness. It prints what it acknowledges and shows, nothing else.
import { writeSync } from 'node:fs'
import { Ledger } from '../../../packages/gateway/src/ledger/index.ts'
import { settled } from '../../../packages/gateway/src/platform/index.ts'
import { assembleLedger, openVault } from '../../sim/assembly.ts'
import { ENTRIES, entryAt, openWorld, PUBLISH_EVERY_MS } from './small-ledger.ts'

const PUBLISH_EVERY_ENTRIES = 5

/** A writer that hangs is a failure, not a reason to wait. */
const LIFE_MS_MAX = 120_000
setTimeout(() => process.exit(4), LIFE_MS_MAX).unref()

const [home = ''] = process.argv.slice(2)
const { world, clock } = await openWorld(home)
const ledger = await Ledger.open(assembleLedger(world, await openVault(world)))
void ledger.died.then((reason) => {
  writeSync(2, `${reason.message}\n`)
  process.exit(3)
})
ledger.onPublished(({ size, root }) => say(`shown ${size} ${Buffer.from(root).toString('hex')}`))

for (let number = 0; number < ENTRIES; number++) {
  const index = await ledger.append(entryAt(number))
  say(`acknowledged ${index} ${number}`)
  if (number % PUBLISH_EVERY_ENTRIES === 0) await publish()
}
await ledger.close()

/** Runs what is due in virtual time, up to the publication, which is a second after the last. */
async function publish(): Promise<void> {
  const published = ledger.waitPublished(ledger.size)
  const untilMs = clock.ticksMs() + PUBLISH_EVERY_MS / 2
  // The last publication may still be tidying up; it sets the next timer when it has.
  while (clock.ticksMs() < untilMs) {
    if (!clock.runNext()) await settled()
  }
  await published
}

function say(line: string): void {
  writeSync(1, `${line}\n`)
}

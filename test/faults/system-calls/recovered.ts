import assert from 'node:assert/strict'
import { leafIndex, treeSize } from '@countersign/tlog'
import { Ledger } from '../../../packages/gateway/src/ledger/index.ts'
import { nodeSha256, SeededRandom } from '../../../packages/gateway/src/platform/index.ts'
import { assembleLedger, EPOCH, openVault, VERIFIERS } from '../../sim/assembly.ts'
import { Auditor } from '../../sim/auditor.ts'
import { Model } from '../../sim/model.ts'
import { DATA_NAME, ENTRIES, entryAt, openWorld } from './small-ledger.ts'

/** Opens what a failed or killed writer left, and holds it against what that one said. */
export async function checkRecovered(home: string, said: string): Promise<void> {
  const model = modelOf(said)
  const { world, clock } = await openWorld(home)
  const ledger = await Ledger.open(assembleLedger(world, await openVault(world)))
  try {
    assert.equal(ledger.recovery.size, ledger.size)
    const published = ledger.waitPublished(treeSize(model.acknowledgedEnd))
    clock.runNext()
    await published
  } finally {
    await ledger.close()
    await world.lock.close()
  }
  const epoch = `${home}/${DATA_NAME}/${EPOCH}`
  const auditor = new Auditor({
    sha256: nodeSha256,
    verifiers: VERIFIERS,
    directory: `${epoch}/log`,
    rows: `${epoch}/checkpoints/00000000`,
  })
  await auditor.audit(world.disk, model, new SeededRandom(1))
}

function modelOf(said: string): Model {
  const model = new Model()
  const attempts = Array.from({ length: ENTRIES }, (_, number) => model.submit(entryAt(number)))
  for (const [, index, number] of said.matchAll(/^acknowledged (\d+) (\d+)$/gm)) {
    const attempt = attempts[Number(number)]
    assert.ok(attempt)
    model.acknowledge(attempt, leafIndex(Number(index)))
  }
  for (const [, size, root = ''] of said.matchAll(/^shown (\d+) ([0-9a-f]{64})$/gm)) {
    model.show(Number(size), Buffer.from(root, 'hex'))
  }
  return model
}

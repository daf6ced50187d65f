import { join } from 'node:path'
import { type WellKnown, wellKnown } from '../admin/index.ts'
import type { Config } from '../config/index.ts'
import { openStatementKeys, type StatementKey, statementKeySet } from '../identity/index.ts'
import { ReceiptService, type Recorder } from '../recorder/index.ts'
import type { Machine } from './machine.ts'
import type { OpenLedger } from './open-ledger.ts'
import { EPOCH } from './open-secrets.ts'

/** What the gateway says of itself: receipts, reasons, and the keys of its statements. */
export interface Answers {
  readonly answerOwn: WellKnown
  readonly statementKeys: readonly StatementKey[]
}

export async function openAnswers(
  { data }: Config,
  { disk, random }: Machine,
  { ledger, recorder }: { readonly ledger: OpenLedger; readonly recorder: Recorder },
): Promise<Answers> {
  const receipts = new ReceiptService({
    ...ledger,
    origin: ledger.signer.origin,
    epoch: EPOCH,
    endOf: (intent) => recorder.endOf(intent),
    lateReceipt: (exchange) => recorder.lateReceipt(exchange),
  })
  const statementKeys = await openStatementKeys({ disk, random, directory: join(data, 'keys') })
  const keySet = statementKeySet(statementKeys)
  const answerOwn = wellKnown(receipts, keySet)
  return { answerOwn, statementKeys }
}

import { LedgerError } from './error.ts'

const UINT32 = 2 ** 32

/** Big endian, without the BigInt that DataView would allocate. */
export function writeUint64(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / UINT32))
  view.setUint32(at + 4, value % UINT32)
}

/** Refuses what no index, size or incarnation can be. */
export function readUint64(view: DataView, at: number): number {
  const value = view.getUint32(at) * UINT32 + view.getUint32(at + 4)
  if (Number.isSafeInteger(value)) return value
  throw new LedgerError('LEDGER_DAMAGED', `number at byte ${at} is above 2^53 - 1`)
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

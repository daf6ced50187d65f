import { BodyCheck } from './body-check.ts'
import { keep } from './capture/capture-stage.ts'
import type { ProxyContext } from './context.ts'
import type { Exchange } from './exchange.ts'
import { TransferRate } from './transfer-rate.ts'

/**
 * The request body on its way: invited, counted, digested, limited in size and silence. Reaching
 * a limit cuts the exchange; the iterator then never ends, so that no upstream can take what has
 * come so far for the whole. Where the digest of the body was signed, its last bytes wait until
 * the digest is known: a body that is another one never becomes whole either.
 */
export async function* passBody(
  exchange: Exchange,
  { clock }: ProxyContext,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { inbound, forwarded, cut, deadlines, bodyDigest } = exchange
  const { limits } = exchange.inForce
  const check = bodyDigest === undefined ? undefined : new BodyCheck(bodyDigest)
  const rate = new TransferRate(limits.bodyIdleMs, limits.bodyBytesPerSecondMin)
  let held: Uint8Array | undefined
  if (inbound.isWaiting && exchange.capture?.isRead !== true) inbound.invite()
  for (;;) {
    const sinceMs = clock.ticksMs()
    if (exchange.isLongLived) deadlines.set('body', limits.streamIdleMs, 'idle-timeout')
    else deadlines.set('body', rate.allowedMs(forwarded.bytes), 'body-timeout')
    const step = await nextChunk(exchange)
    deadlines.meet('body')
    rate.waited(clock.ticksMs() - sinceMs)
    if (step.done === true) break
    const bytes = forwarded.bytes + (held?.length ?? 0) + step.value.length
    if (bytes > limits.bodyBytesMax) {
      cut.make('body-too-large')
      await never()
    }
    check?.add(step.value)
    const chunk = check === undefined ? step.value : held
    if (check !== undefined) held = step.value
    if (chunk === undefined) continue
    forwarded.add(chunk)
    if (exchange.capture !== undefined) await keep(exchange, 'request', chunk)
    yield chunk
  }
  if (check !== undefined) {
    if (!check.holds()) {
      cut.make('body-digest-mismatch')
      await never()
    }
    if (held !== undefined) {
      forwarded.add(held)
      if (exchange.capture !== undefined) await keep(exchange, 'request', held)
      yield held
    }
  }
  exchange.marks.sentMs = clock.ticksMs()
  if (exchange.response === undefined)
    deadlines.set('head', responseHeadMs(exchange), 'upstream-timeout')
}

/** From the last byte of the request to the head of its response. */
export function responseHeadMs({ upstream, inForce }: Exchange): number {
  return upstream?.timeouts.responseHeadMs ?? inForce.limits.responseHeadMs
}

async function nextChunk(exchange: Exchange): Promise<IteratorResult<Uint8Array>> {
  const { inbound, cut, capture } = exchange
  const early = capture?.early.shift()
  if (early !== undefined) return { value: early }
  if (capture?.isRead === true) return { done: true, value: undefined }
  try {
    return await inbound.body.next()
  } catch {
    // The engine says only that the rest will not come, and that is what is recorded.
    cut.make('client-aborted')
    return never()
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined)
}

import type { ProxyContext } from './context.ts'
import type { Exchange } from './exchange.ts'

/**
 * The request body on its way: invited, counted, digested, limited in size and silence. Reaching
 * a limit cuts the exchange; the iterator then never ends, so that no upstream can take what has
 * come so far for the whole.
 */
export async function* passBody(
  exchange: Exchange,
  { clock }: ProxyContext,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { inbound, forwarded, cut, deadlines } = exchange
  const { limits } = exchange.inForce
  if (inbound.isWaiting) inbound.invite()
  for (;;) {
    deadlines.set('body', limits.bodyIdleMs, 'body-timeout')
    const step = await nextChunk(exchange)
    deadlines.meet('body')
    if (step.done === true) break
    if (forwarded.bytes + step.value.length > limits.bodyBytesMax) {
      cut.make('body-too-large')
      await never()
    }
    forwarded.add(step.value)
    yield step.value
  }
  exchange.marks.sentMs = clock.ticksMs()
  if (exchange.response === undefined)
    deadlines.set('head', limits.responseHeadMs, 'upstream-timeout')
}

async function nextChunk({ inbound, cut }: Exchange): Promise<IteratorResult<Uint8Array>> {
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

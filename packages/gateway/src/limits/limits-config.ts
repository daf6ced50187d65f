import { z } from 'zod'

/** One limit: its default, what it may be, and the reason code of reaching it. */
interface Limit {
  readonly of: number
  readonly min: number
  readonly max: number
  readonly reason: string
  readonly meaning: string
}

const KIB = 1024
const MIB = 1024 * KIB
const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

/** Every limit of the request path; its unit is the end of its name. */
export const LIMITS = {
  headBytesMax: {
    of: 16 * KIB,
    min: KIB,
    max: 256 * KIB,
    reason: 'head-too-large',
    meaning: 'request line and headers together',
  },
  headersMax: {
    of: 100,
    min: 10,
    max: 1000,
    reason: 'head-too-large',
    meaning: 'header lines of a request',
  },
  targetBytesMax: {
    of: 8000,
    min: 256,
    max: 8000,
    reason: 'uri-too-long',
    meaning: 'request target',
  },
  bodyBytesMax: {
    of: 100 * MIB,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    reason: 'body-too-large',
    meaning: 'request body',
  },
  captureBytesMax: {
    of: 64 * MIB,
    min: 256 * KIB,
    max: 64 * 1024 * MIB,
    reason: 'capture-unavailable',
    meaning: 'memory of all bodies that are being captured',
  },
  headMs: {
    of: 10_000,
    min: 100,
    max: 10 * MINUTE_MS,
    reason: 'request-timeout',
    meaning: 'first to last byte of the request head',
  },
  proxyHeaderMs: {
    of: 3000,
    min: 100,
    max: 60_000,
    reason: 'request-timeout',
    meaning: 'the PROXY protocol header of a connection that must have one',
  },
  bodyIdleMs: {
    of: 30_000,
    min: 100,
    max: 10 * MINUTE_MS,
    reason: 'body-timeout',
    meaning: 'silence of the client while its body is awaited',
  },
  bodyBytesPerSecondMin: {
    of: 100,
    min: 0,
    max: 1_000_000_000,
    reason: 'body-timeout',
    meaning: 'request body, while it is awaited for longer than bodyIdleMs in all; 0: no minimum',
  },
  releaseIdleMs: {
    of: 30_000,
    min: 100,
    max: 10 * MINUTE_MS,
    reason: 'client-aborted',
    meaning: 'silence of the client while it should take the response',
  },
  connectMs: {
    of: 5000,
    min: 10,
    max: MINUTE_MS,
    reason: 'upstream-unreachable',
    meaning: 'connecting to the upstream, its TLS handshake included',
  },
  responseHeadMs: {
    of: 60_000,
    min: 10,
    max: DAY_MS,
    reason: 'upstream-timeout',
    meaning: 'last byte of the request to the head of the response',
  },
  responseIdleMs: {
    of: 60_000,
    min: 10,
    max: DAY_MS,
    reason: 'upstream-timeout',
    meaning: 'silence of the upstream inside a response',
  },
  exchangeMs: {
    of: 10 * MINUTE_MS,
    min: 100,
    max: DAY_MS,
    reason: 'exchange-timeout',
    meaning: 'the whole exchange',
  },
  streamMs: {
    of: DAY_MS,
    min: 100,
    max: 20 * DAY_MS,
    reason: 'exchange-timeout',
    meaning: 'the whole of a stream of events or of a WebSocket',
  },
  streamIdleMs: {
    of: 5 * MINUTE_MS,
    min: 100,
    max: DAY_MS,
    reason: 'idle-timeout',
    meaning: 'silence of a stream of events, or of both sides of a WebSocket',
  },
  progressMs: {
    of: MINUTE_MS,
    min: 1000,
    max: DAY_MS,
    reason: 'none: how far the exchange has come is on record',
    meaning: 'between two records of how far an exchange has come',
  },
  progressBytes: {
    of: 64 * MIB,
    min: 64 * KIB,
    max: Number.MAX_SAFE_INTEGER,
    reason: 'none: how far the exchange has come is on record, within a second',
    meaning: 'bytes, both ways together, between two such records',
  },
  messageBytesMax: {
    of: 16 * MIB,
    min: 125,
    max: Number.MAX_SAFE_INTEGER,
    reason: 'message-too-large',
    meaning: 'one message of a WebSocket, all its frames together',
  },
  earlyBytesMax: {
    of: 64 * KIB,
    min: 0,
    max: 16 * MIB,
    reason: 'handshake-malformed',
    meaning: 'bytes that a client sends before the WebSocket is open',
  },
  closeMs: {
    of: 2000,
    min: 10,
    max: MINUTE_MS,
    reason: 'none: the connection is cut',
    meaning: 'silence in the closing handshake of a WebSocket, and what of it follows its record',
  },
  keepAliveMs: {
    of: MINUTE_MS,
    min: 100,
    max: 60 * MINUTE_MS,
    reason: 'none: the idle connection is closed',
    meaning: 'silence between two requests of a connection',
  },
  connectionsMax: {
    of: 10_000,
    min: 1,
    max: 1_000_000,
    reason: 'overloaded',
    meaning: 'open client connections of a listener',
  },
  exchangesMax: {
    of: 10_000,
    min: 1,
    max: 1_000_000,
    reason: 'overloaded',
    meaning: 'exchanges that are going on, of all listeners together',
  },
  exchangesMin: {
    of: 128,
    min: 1,
    max: 1_000_000,
    reason: 'none: so many are let in however late the loop is',
    meaning: 'exchanges that may go on at once while the loop is later than loopLagMs',
  },
  exchangesBurstMax: {
    of: 1000,
    min: 1,
    max: 1_000_000,
    reason: 'overloaded',
    meaning: 'exchanges that may go on at once before the loop has been in time with as many',
  },
  shedPerSecondMax: {
    of: 1000,
    min: 1,
    max: 1_000_000,
    reason: 'none: further ones wait for their turn, and their connections with them',
    meaning: 'refusals for these limits; each costs a part of what serving would',
  },
  loopLagMs: {
    of: 50,
    min: 1,
    max: MINUTE_MS,
    reason: 'overloaded',
    meaning: 'how late the loop goes on being that serves requests, before it is given fewer',
  },
  ledgerLagMs: {
    of: 2000,
    min: 1,
    max: 10 * MINUTE_MS,
    reason: 'overloaded',
    meaning: 'how long the oldest record waits to be durable; the same',
  },
  heapPercentMax: {
    of: 90,
    min: 1,
    max: 100,
    reason: 'overloaded',
    meaning: 'of the memory that the runtime may have; refused until it is a twentieth less',
  },
  pipelinedMax: {
    of: 100,
    min: 1,
    max: 1000,
    reason: 'overloaded',
    meaning: 'requests of one connection that wait for their turn',
  },
  h2StreamsMax: {
    of: 100,
    min: 1,
    max: 10_000,
    reason: 'none: the stream is refused (REFUSED_STREAM)',
    meaning: 'requests of an HTTP/2 connection that are going on',
  },
  h2StreamWindowBytes: {
    of: 256 * KIB,
    min: 16 * KIB,
    max: 64 * MIB,
    reason: 'none: the client waits (flow control)',
    meaning: 'body of an HTTP/2 request that may be sent before it is read',
  },
  h2SessionWindowBytes: {
    of: MIB,
    min: 64 * KIB,
    max: 256 * MIB,
    reason: 'none: the client waits (flow control)',
    meaning: 'bodies of all requests of a connection that are on their way, not arrived yet',
  },
  h2ResetsMax: {
    of: 200,
    min: 1,
    max: 100_000,
    reason: 'connection-flooded',
    meaning: 'streams of an HTTP/2 connection broken off, by whichever side, at once',
  },
  h2ResetsPerSecondMax: {
    of: 20,
    min: 1,
    max: 100_000,
    reason: 'connection-flooded',
    meaning: 'the same, for as long as the connection lasts',
  },
  h2InvalidFramesMax: {
    of: 100,
    min: 1,
    max: 100_000,
    reason: 'connection-flooded',
    meaning: 'frames of an HTTP/2 connection that are empty or break its rules',
  },
  h2ControlBytesMax: {
    of: 256 * KIB,
    min: 4 * KIB,
    max: 64 * MIB,
    reason: 'connection-flooded',
    meaning: 'bytes of an HTTP/2 connection that belong to no request (settings, pings), at once',
  },
  h2ControlBytesPerSecondMax: {
    of: 64 * KIB,
    min: KIB,
    max: 64 * MIB,
    reason: 'connection-flooded',
    meaning: 'the same, for as long as the connection lasts',
  },
  h2SessionMs: {
    of: 60 * MINUTE_MS,
    min: 1000,
    max: DAY_MS,
    reason: 'none: GOAWAY; what is going on may end',
    meaning: 'age at which an HTTP/2 connection takes no more requests',
  },
  releaseBufferBytesMax: {
    of: 256 * KIB,
    min: 0,
    max: 64 * MIB,
    reason: 'none: a longer response is a stream that holds back its end',
    meaning: 'response body that is held back whole',
  },
  refusalsPerSecondMax: {
    of: 20,
    min: 0,
    max: 1_000_000,
    reason: 'none: further ones are counted in folds',
    meaning: 'recorded refusals for limits, overload, and of nobody who is known; all together',
  },
  refusalsWholeMax: {
    of: 10,
    min: 1,
    max: 1000,
    reason: 'none: further ones are counted in a fold',
    meaning: 'of these, recorded in each foldMs for one reason and caller',
  },
  foldMs: {
    of: 10_000,
    min: 10,
    max: 10 * MINUTE_MS,
    reason: 'none: the fold is closed, with its count',
    meaning: 'silence of a caller whose refusals are counted',
  },
  foldsMax: {
    of: 64,
    min: 0,
    max: 10_000,
    reason: 'none: further callers are counted by network, further networks together',
    meaning: 'open folds of callers, and again of networks',
  },
  relaxedRecordsMax: {
    of: 1000,
    min: 2,
    max: 50_000,
    reason: 'none: the next request waits until its record is durable',
    meaning: 'records of routes with `record: relaxed` that a crash could take',
  },
  relaxedWindowMs: {
    of: 1000,
    min: 50,
    max: MINUTE_MS,
    reason: 'none: the next request waits until its record is durable',
    meaning: 'time before a crash of which it could take them',
  },
  foldUntalliedMax: {
    of: 10_000,
    min: 1,
    max: 1_000_000_000,
    reason: 'none: the next refusal waits for a tally',
    meaning: 'refusals of a fold that a crash could leave uncounted',
  },
  stopMs: {
    of: 30_000,
    min: 0,
    max: 60 * MINUTE_MS,
    reason: 'shutting-down',
    meaning: 'how long exchanges may take to end when the gateway stops',
  },
  streamStopMs: {
    of: 10_000,
    min: 0,
    max: 60 * MINUTE_MS,
    reason: 'shutting-down',
    meaning: 'of that, what stays open for long; others are still let in meanwhile',
  },
  lastCallMs: {
    of: 500,
    min: 0,
    max: MINUTE_MS,
    reason: 'none: the connection is closed',
    meaning: 'how long a gateway that stops lets others in, and kept connections ask once more',
  },
} as const satisfies { readonly [name: string]: Limit }

/** The limits in force, each in the unit that its name ends with. */
export type Limits = { readonly [name in keyof typeof LIMITS]: number }

/** The section `limits` of the configuration. */
export const limitsConfigSchema: z.ZodType<
  Limits,
  { readonly [name in keyof Limits]?: number | undefined }
> = z.strictObject(
  Object.fromEntries(
    Object.entries(LIMITS).map(([name, { of, min, max, meaning }]) => {
      return [name, z.int().min(min).max(max).default(of).describe(meaning)]
    }),
  ) as { [name in keyof Limits]: z.ZodDefault<z.ZodInt> },
)

/** All limits at their defaults. */
export const DEFAULT_LIMITS: Limits = limitsConfigSchema.parse({})

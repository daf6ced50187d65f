import { Pool } from 'undici'
import type { Limits } from '../limits/index.ts'
import type { UpstreamConfig } from './proxy-config.ts'

/** One upstream and its connections. */
export interface Upstream {
  readonly name: string
  /** Host and port, as in `Host`. */
  readonly authority: string
  readonly pool: Pool
  /** Everything that its connections depend on. */
  readonly key: string
}

/** Bytes of a response head; undici answers a longer one with an error. */
const RESPONSE_HEAD_BYTES_MAX = 64 * 1024

/**
 * Connections are HTTP/1.1, one exchange at a time, and are never asked twice: what an upstream
 * did with a request whose answer is lost is for the caller to find out.
 */
export function openUpstream(name: string, config: UpstreamConfig, limits: Limits): Upstream {
  const { origin, host } = new URL(config.url)
  const pool = new Pool(origin, {
    connections: config.connectionsMax,
    pipelining: 1,
    allowH2: false,
    maxHeaderSize: RESPONSE_HEAD_BYTES_MAX,
    strictContentLength: true,
    // Silence is limited by the exchange's own deadlines, which do not count its upload.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: {
      timeout: limits.connectMs,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2',
      ...(config.authority === undefined ? {} : { ca: config.authority }),
    },
  })
  return { name, authority: host, pool, key: upstreamKey(config, limits) }
}

/** Equal for upstreams that can share their connections. */
export function upstreamKey(config: UpstreamConfig, { connectMs }: Limits): string {
  return JSON.stringify([config, connectMs])
}

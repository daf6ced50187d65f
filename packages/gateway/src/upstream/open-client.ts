import { Http1Client } from './http1/client.ts'
import { AutoClient } from './http2/auto-client.ts'
import { Http2Client, type Http2ClientOptions } from './http2/client.ts'
import type { UpstreamClient } from './types.ts'

/** `auto`: what the target chooses by ALPN; without TLS it cannot be asked, and is HTTP/1.1. */
export type UpstreamProtocol = 'http/1.1' | 'h2' | 'auto'

/** What reaches one target in the protocol that is configured for it. */
export function openClient(
  protocol: UpstreamProtocol,
  options: Omit<Http2ClientOptions, 'otherProtocol'>,
): UpstreamClient {
  if (protocol === 'h2') return new Http2Client(options)
  if (protocol === 'auto' && options.tls !== undefined) return new AutoClient(options)
  return new Http1Client(options)
}

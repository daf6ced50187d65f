// A server and a client of gRPC, both of them real, that speak `echo.proto`.
import { join } from 'node:path'
import {
  type Client,
  credentials,
  loadPackageDefinition,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceClientConstructor,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

export interface Text {
  readonly text: string
  readonly count?: number
}

const definition = loadSync(join(import.meta.dirname, 'echo.proto'))
const { Echo } = loadPackageDefinition(definition).echo as unknown as {
  readonly Echo: ServiceClientConstructor
}

export interface GrpcServer {
  readonly url: string
  /** What reached it, as `authorization`, `te` and the like. */
  readonly metadata: Metadata[]
  close(): void
}

export async function startGrpcServer(): Promise<GrpcServer> {
  const server = new Server()
  const metadata: Metadata[] = []
  server.addService(Echo.service, {
    One: (call: ServerUnaryCall<Text, Text>, answer: sendUnaryData<Text>) => {
      metadata.push(call.metadata)
      const { text } = call.request
      if (text === 'hang') return
      if (text === 'fail') {
        answer({ code: status.FAILED_PRECONDITION, details: 'no: ä' })
        return
      }
      const trailers = new Metadata()
      trailers.set('x-listed', 'yes')
      trailers.set('x-unlisted', 'no')
      answer(null, { text: `one ${text}` }, trailers)
    },
    Up: (call: ServerReadableStream<Text, Text>, answer: sendUnaryData<Text>) => {
      const texts: string[] = []
      call.on('data', ({ text }: Text) => texts.push(text))
      call.on('end', () => answer(null, { text: texts.join(), count: texts.length }))
    },
    Down: (call: ServerWritableStream<Text, Text>) => {
      for (let nth = 0; nth < (call.request.count ?? 0); nth += 1) {
        call.write({ text: call.request.text, count: nth })
      }
      call.end()
    },
    Both: (call: ServerDuplexStream<Text, Text>) => {
      metadata.push(call.metadata)
      call.on('data', ({ text }: Text) => call.write({ text: `both ${text}` }))
      call.on('end', () => call.end())
    },
  })
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound)
      else reject(error)
    })
  })
  return { url: `http://127.0.0.1:${port}`, metadata, close: () => server.forceShutdown() }
}

export function makeGrpcClient(port: number): Client {
  return new Echo(`127.0.0.1:${port}`, credentials.createInsecure())
}

export function bearer(token: string): Metadata {
  const metadata = new Metadata()
  metadata.set('authorization', `Bearer ${token}`)
  return metadata
}

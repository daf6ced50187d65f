import type { z } from 'zod'
import { problem } from './problem.ts'

/** More than any request to the control plane says. */
const BODY_BYTES_MAX = 65_536

/** Ends a handler with an answer that is ready. */
export class Answered extends Error {
  override readonly name = 'Answered'
  readonly response: Response

  constructor(response: Response) {
    super(`answered with ${response.status}`)
    this.response = response
  }
}

/**
 * The JSON body of a request, checked against its schema; an empty one counts as `{}`. Throws the
 * answer that tells what is wrong.
 */
export async function readJson<T>(request: Request, schema: z.ZodType<T>): Promise<T> {
  const text = (await readBody(request)).toString('utf8')
  if (text !== '' && !/^application\/json\b/i.test(request.headers.get('content-type') ?? '')) {
    throw new Answered(problem(415, 'The body is to be application/json'))
  }
  const parsed = schema.safeParse(parse(text === '' ? '{}' : text))
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map(({ path, message }) => {
    return { path: path.join('.'), message }
  })
  throw new Answered(problem(422, 'The body is not what is expected', {}, { problems }))
}

/** The bytes of a body; throws the answer to one that is too long. */
export async function readBody({ body }: Pick<Request, 'body'>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body ?? []) {
    bytes += chunk.length
    if (bytes > BODY_BYTES_MAX) {
      throw new Answered(problem(413, `The body is over ${BODY_BYTES_MAX} bytes`))
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Answered(problem(400, 'The body is not JSON'))
  }
}

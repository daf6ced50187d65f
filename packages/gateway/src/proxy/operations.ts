import { z } from 'zod'
import { METHODS, parameterName } from '../policy/index.ts'

/** Segments of plain characters, or a parameter in braces. */
export const ROUTE_PATH =
  /^\/((\{[A-Za-z][A-Za-z0-9_-]{0,63}\}|[A-Za-z0-9._~!$&'()*+,=:@-]+)(\/|$))*$/

/** One item of a route's `operations`: what its owner calls a method and a path. */
export const operationSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$/, 'is no name')
    .describe('as policies and records name it: cancel-order'),
  methods: z.array(z.enum(METHODS)).min(1),
  path: z
    .string()
    .regex(ROUTE_PATH, 'is not a plain path')
    .refine(hasDistinctParameters, 'names a parameter twice')
    .describe('whole, segment for segment; {id} is any one segment; begins with that of the route'),
})

export const OPERATIONS_MAX = 500

export type Operation = z.infer<typeof operationSchema>

interface Named {
  readonly path: string
  readonly operations: readonly Operation[]
}

export function hasDistinctParameters(path: string): boolean {
  const names = path.split('/').flatMap((segment) => parameterName(segment) ?? [])
  return new Set(names).size === names.length
}

/** What is wrong with the operations of a route, and with which; undefined where nothing is. */
export function operationsFault({
  path,
  operations,
}: Named): [at: number, why: string] | undefined {
  const below = path.endsWith('/') ? path : `${path}/`
  for (const [at, operation] of operations.entries()) {
    if (operation.path !== path && !operation.path.startsWith(below)) {
      return [at, `is not below ${path}, the path of the route`]
    }
    const first = operations.findIndex((each) => each.name === operation.name)
    if (operations[first]?.path !== operation.path) {
      return [at, `is another path than that of operations[${first}], which has the same name`]
    }
  }
  return undefined
}

/** The first of the route's operations that a request is; undefined where none names it. */
export function operationOf(
  { operations }: Pick<Named, 'operations'>,
  method: string,
  path: string,
): Operation | undefined {
  if (operations.length === 0) return undefined
  const segments = path.split('/')
  return operations.find((operation) => {
    return operation.methods.some((each) => each === method) && fits(operation, segments)
  })
}

/** A parameter is any one segment that is not empty. */
function fits({ path }: Operation, segments: readonly string[]): boolean {
  const expected = path.split('/')
  if (expected.length !== segments.length) return false
  return expected.every((each, at) => {
    return parameterName(each) === undefined ? each === segments[at] : segments[at] !== ''
  })
}

/** Where the parameters of a request stand: its operation says it, or the route. */
export function patternOf({ path, operations }: Named, operation: string | undefined): string {
  if (operation === undefined) return path
  return operations.find(({ name }) => name === operation)?.path ?? path
}

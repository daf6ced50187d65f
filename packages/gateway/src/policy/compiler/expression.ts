import type { Expr, ExprNoExt, Var } from '@cedar-policy/cedar-wasm/nodejs'
import { type Environment, type Evaluate, isIn, type Test } from './environment.ts'
import { fail } from './evaluation-error.ts'
import { compileCall } from './extensions.ts'
import { compileLike } from './like.ts'
import { readValue } from './literal.ts'
import { checked } from './long.ts'
import { uncovered } from './uncovered.ts'
import {
  type Attributes,
  type Entity,
  EntityUid,
  Extension,
  equal,
  isAttributes,
  SetValue,
  type Value,
} from './values.ts'

type Operator = ExprNoExt extends infer E ? (E extends object ? keyof E : never) : never
type Operands<O extends Operator> =
  Extract<ExprNoExt, Record<O, unknown>> extends Record<O, infer Member> ? Member : never
type Compilers = { readonly [O in Operator]: (operands: Operands<O>) => Evaluate }
interface Pair {
  readonly left: Expr
  readonly right: Expr
}

/** Throws UncoveredError for what only the engine can evaluate. */
export function compileExpression(expression: Expr): Evaluate {
  const [entry, more] = Object.entries(expression)
  if (entry === undefined || more !== undefined) return uncovered('an unknown form of expression')
  const [operator, operands] = entry
  if (!Object.hasOwn(COMPILERS, operator)) {
    if (!Array.isArray(operands)) return uncovered(`the operator ${operator}`)
    return folded(operator, (operands as Expr[]).map(compileExpression), operands as Expr[])
  }
  return (
    (COMPILERS as Record<string, (operands: unknown) => Evaluate>)[operator]?.(operands) ?? fail
  )
}

export function compileTest(expression: Expr): Test {
  const evaluate = compileExpression(expression)
  // What can only be true or false needs no look at it.
  if (Object.keys(expression).every((operator) => TESTS.has(operator))) return evaluate as Test
  return (environment) => asBool(evaluate(environment))
}

const COMPILERS: Compilers = {
  Value: (json) => {
    const value = readValue(json)
    return () => value
  },
  Var: (name) => VARIABLES[name],
  Slot: () => uncovered('a template'),
  '!': ({ arg }) => {
    const test = compileTest(arg)
    return (environment) => !test(environment)
  },
  neg: ({ arg }) => {
    const number = compileExpression(arg)
    return (environment) => checked(-asLong(number(environment)))
  },
  '==': (pair) => compileEqual(pair, true),
  '!=': (pair) => compileEqual(pair, false),
  in: ({ left, right }) => compileIn(compileExpression(left), compileExpression(right)),
  '<': (pair) => compileOrder(pair, (left, right) => left < right),
  '<=': (pair) => compileOrder(pair, (left, right) => left <= right),
  '>': (pair) => compileOrder(pair, (left, right) => left > right),
  '>=': (pair) => compileOrder(pair, (left, right) => left >= right),
  '&&': (pair) => compileAll(conjuncts(pair)),
  '||': ({ left, right }) => {
    const [first, second] = [compileTest(left), compileTest(right)]
    return (environment) => first(environment) || second(environment)
  },
  '+': (pair) => compileSum(pair, (left, right) => left + right),
  '-': (pair) => compileSum(pair, (left, right) => left - right),
  '*': (pair) => compileSum(pair, (left, right) => left * right),
  contains: (pair) => compileBoth(pair, (left, right) => asSet(left).has(right)),
  containsAll: (pair) => compileBoth(pair, (left, right) => asSet(left).hasAll(asSet(right))),
  containsAny: (pair) => compileBoth(pair, (left, right) => asSet(left).hasAny(asSet(right))),
  isEmpty: ({ arg }) => {
    const set = compileExpression(arg)
    return (environment) => asSet(set(environment)).items.length === 0
  },
  getTag: (pair) =>
    compileBoth(pair, (left, right, environment) => {
      const name = asText(right)
      return entityOf(environment, asEntity(left))?.tags.get(name) ?? fail()
    }),
  hasTag: (pair) =>
    compileBoth(pair, (left, right, environment) => {
      const name = asText(right)
      return entityOf(environment, asEntity(left))?.tags.get(name) !== undefined
    }),
  '.': ({ left, attr }) => {
    if ('Var' in left) return compileKnown((left as { readonly Var: Var }).Var, attr)
    const holder = compileExpression(left)
    return (environment) => attributesOf(environment, holder(environment))?.get(attr) ?? fail()
  },
  has: ({ left, attr }) => compileHas(compileExpression(left), [attr].flat()),
  like: ({ left, pattern }) => {
    const [text, matches] = [compileExpression(left), compileLike(pattern)]
    return (environment) => matches(asText(text(environment)))
  },
  is: ({ left, entity_type: type, in: within }) => {
    const entity = compileExpression(left)
    const is: Test = (environment) => asEntity(entity(environment)).type === type
    if (within === undefined) return is
    const isWithin = compileIn(entity, compileExpression(within))
    return (environment) => is(environment) && isWithin(environment)
  },
  'if-then-else': ({ if: condition, then, else: otherwise }) => {
    const test = compileTest(condition)
    const [yes, no] = [compileExpression(then), compileExpression(otherwise)]
    return (environment) => (test(environment) ? yes(environment) : no(environment))
  },
  Set: (items) => {
    const evaluated = items.map(compileExpression)
    if (items.every(isLiteral)) {
      const value = new SetValue(evaluated.map((item) => item(NOWHERE)))
      return () => value
    }
    return (environment) => new SetValue(evaluated.map((item) => item(environment)))
  },
  Record: (members) => {
    const evaluated = Object.entries(members).map(
      ([name, item]) => [name, compileExpression(item)] as const,
    )
    return (environment) => new Map(evaluated.map(([name, item]) => [name, item(environment)]))
  },
}

/** Operators whose result is a boolean, if there is one. */
const TESTS: ReadonlySet<string> = new Set(
  '! == != in < <= > >= && || contains containsAll containsAny isEmpty hasTag has like is'.split(
    ' ',
  ),
)

const VARIABLES: Readonly<Record<Var, Evaluate>> = {
  principal: (environment) => environment.principal,
  action: (environment) => environment.action,
  resource: (environment) => environment.resource,
  context: (environment) => environment.context,
}

/** What most policies look at, without the way round by its name. */
function compileKnown(variable: Var, name: string): Evaluate {
  switch (variable) {
    case 'principal':
      return (environment) => environment.principalEntity?.attributes.get(name) ?? fail()
    case 'resource':
      return (environment) => environment.resourceEntity?.attributes.get(name) ?? fail()
    case 'context':
      return (environment) => environment.context.get(name) ?? fail()
    case 'action':
      return (environment) => {
        return environment.entity(environment.action.key)?.attributes.get(name) ?? fail()
      }
  }
}

/** Literals have no environment. */
const NOWHERE = undefined as unknown as Environment

function isLiteral(expression: Expr): boolean {
  return 'Value' in expression
}

/** `ip("…")` and its like: made once, or failing whenever it is met. */
function folded(name: string, operands: readonly Evaluate[], from: readonly Expr[]): Evaluate {
  const call = compileCall(name, operands)
  if (!from.every(isLiteral)) return call
  let value: Value
  try {
    value = call(NOWHERE)
  } catch {
    return fail
  }
  return () => value
}

/** The operands of a chain: `a && b && c` is two operators to the parser, and one thing to ask. */
function conjuncts({ left, right }: Pair): readonly Test[] {
  const chain = '&&' in left ? (left as { readonly '&&': Pair })['&&'] : undefined
  const first = chain === undefined ? [compileTest(left)] : conjuncts(chain)
  return [...first, compileTest(right)]
}

function compileAll(tests: readonly Test[]): Test {
  const [first, second, third, more] = tests
  if (first === undefined || second === undefined) return first ?? (() => true)
  if (third === undefined) return (environment) => first(environment) && second(environment)
  if (more !== undefined) return (environment) => tests.every((test) => test(environment))
  return (environment) => first(environment) && second(environment) && third(environment)
}

function compileBoth(
  pair: Pair,
  join: (left: Value, right: Value, environment: Environment) => Value,
): Evaluate {
  const [left, right] = [compileExpression(pair.left), compileExpression(pair.right)]
  return (environment) => join(left(environment), right(environment), environment)
}

function compileEqual(pair: Pair, wanted: boolean): Evaluate {
  const { right } = pair
  if ('Value' in right && (typeof right.Value === 'string' || typeof right.Value === 'boolean')) {
    const [left, value] = [compileExpression(pair.left), right.Value]
    return wanted
      ? (environment) => left(environment) === value
      : (environment) => left(environment) !== value
  }
  return compileBoth(pair, (left, right) => equal(left, right) === wanted)
}

function compileSum(pair: Pair, sum: (left: bigint, right: bigint) => bigint): Evaluate {
  return compileBoth(pair, (left, right) => checked(sum(asLong(left), asLong(right))))
}

function compileOrder(pair: Pair, order: (left: bigint, right: bigint) => boolean): Evaluate {
  return compileBoth(pair, (left, right) => {
    if (left instanceof Extension && right instanceof Extension) {
      const isTime = left.type === 'datetime' || left.type === 'duration'
      return isTime && left.type === right.type ? order(left.number, right.number) : fail()
    }
    return order(asLong(left), asLong(right))
  })
}

function compileIn(left: Evaluate, right: Evaluate): Test {
  return (environment) => {
    const { key } = asEntity(left(environment))
    const others = right(environment)
    if (others instanceof EntityUid) return isIn(environment, key, others.key)
    const keys = asSet(others).items.map((item) => asEntity(item).key)
    return keys.some((other) => isIn(environment, key, other))
  }
}

/** `left has a.b`: that it has `a`, and that this has `b`. */
function compileHas(left: Evaluate, names: readonly string[]): Test {
  return (environment) => {
    let value: Value | undefined = left(environment)
    for (const name of names) {
      value = attributesOf(environment, value)?.get(name)
      if (value === undefined) return false
    }
    return true
  }
}

/** Undefined for an entity that does not exist. */
function attributesOf(environment: Environment, value: Value): Attributes | undefined {
  if (value instanceof EntityUid) return entityOf(environment, value)?.attributes
  return isAttributes(value) ? value : fail()
}

function entityOf(environment: Environment, { key }: EntityUid): Entity | undefined {
  return environment.entity(key)
}

function asBool(value: Value): boolean {
  return typeof value === 'boolean' ? value : fail()
}

function asLong(value: Value): bigint {
  return typeof value === 'bigint' ? value : fail()
}

function asText(value: Value): string {
  return typeof value === 'string' ? value : fail()
}

function asSet(value: Value): SetValue {
  return value instanceof SetValue ? value : fail()
}

function asEntity(value: Value): EntityUid {
  return value instanceof EntityUid ? value : fail()
}

/**
 * A policy that could not be evaluated. One object for all: which policy it was is what counts,
 * and a request that makes policies fail must not cost more than one that does not.
 */
export class EvaluationError extends Error {
  override readonly name = 'EvaluationError'
}

const FAILED = new EvaluationError('the policy could not be evaluated')

export function fail(): never {
  throw FAILED
}

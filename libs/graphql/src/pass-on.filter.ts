import { Catch, type ExceptionFilter } from '@nestjs/common';

/** Leaves errors as they are: `formatError` gives each its code and logs those that are nobody's request's fault. */
@Catch()
export class PassOn implements ExceptionFilter {
  catch(error: unknown): never {
    throw error;
  }
}

import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from "@nestjs/common";
import type { Response } from "express";
import { explain } from "../shared/errors.ts";
import { messagePage } from "../shared/views/pages.ts";

/** Answers errors of handlers, and failed saves of sessions. */
@Catch()
export class ErrorPageFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<Response>();
    if (response.headersSent) return;
    const failure = explain(error instanceof HttpException ? { statusCode: error.getStatus() } : error);
    if (failure.status >= 500) console.error(error);
    response.status(failure.status).send(messagePage(failure));
  }
}

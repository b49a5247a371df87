import type { RequestHandler } from "express";

/**
 * Lets a browser in by the cookie of the old name, as long as it has none of the new one. To be mounted before
 * expressSessions(), until the sessions of before have ended.
 */
export function acceptOldName(oldName: string, newName: string): RequestHandler {
  return (req, _res, next) => {
    const cookies = (req.headers.cookie ?? "").split(/; */);
    const old = cookies.find((cookie) => cookie.startsWith(`${oldName}=`));
    const hasNew = cookies.some((cookie) => cookie.startsWith(`${newName}=`));
    if (old !== undefined && !hasNew) req.headers.cookie += `; ${newName}${old.slice(oldName.length)}`;
    next();
  };
}

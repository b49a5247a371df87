import { Body, Controller, Get, Post, Redirect, Res, UseGuards } from "@nestjs/common";
import type { Response } from "express";
import type { Session, Sessions } from "sojourn";
import { AuthenticatedGuard, CurrentSession, CurrentUserId, InjectSessions } from "sojourn/adapters/nest";
import { devicesOf } from "../shared/devices.ts";
import { type Fields, readCredentials } from "../shared/forms.ts";
import type { ShopData } from "../shared/session-data.ts";
import { authenticate } from "../shared/users.ts";
import * as pages from "../shared/views/pages.ts";

@Controller()
export class AccountController {
  @InjectSessions() readonly sessions!: Sessions<ShopData>;

  @Get("login")
  form(@CurrentSession() session: Session<ShopData>): string {
    return pages.loginPage(session);
  }

  @Post("login")
  async logIn(
    @Body() fields: Fields,
    @CurrentSession() session: Session<ShopData>,
    @Res() response: Response,
  ): Promise<void> {
    const { login, password } = readCredentials(fields);
    const user = await authenticate(login, password);
    if (user === undefined) {
      response.status(422).send(pages.loginPage(session, { failedLogin: login }));
      return;
    }
    await session.login(user.id); // a new key for the same cart; the old key becomes invalid
    response.redirect(303, "/account");
  }

  @Get("account")
  async account(@CurrentSession() session: Session<ShopData>): Promise<string> {
    return pages.accountPage(session, await devicesOf(session, this.sessions));
  }

  @Post("logout")
  @Redirect("/", 303)
  async logOut(@CurrentSession() session: Session<ShopData>): Promise<void> {
    await session.logout();
  }

  @Post("logout-everywhere")
  @Redirect("/", 303)
  @UseGuards(AuthenticatedGuard)
  async logOutEverywhere(
    @CurrentUserId() userId: string,
    @CurrentSession() session: Session<ShopData>,
  ): Promise<void> {
    await this.sessions.revokeUser(userId);
    await session.logout(); // this one has ended too; this clears its cookie
  }
}

import { Body, Controller, Get, Post, Redirect } from "@nestjs/common";
import type { Session } from "sojourn";
import { CurrentSession } from "sojourn/adapters/nest";
import { changeCart } from "../shared/cart.ts";
import { type Fields, readChange } from "../shared/forms.ts";
import type { ShopData } from "../shared/session-data.ts";
import * as pages from "../shared/views/pages.ts";

@Controller()
export class ShopController {
  @Get("about")
  about(): string {
    return pages.aboutPage();
  }

  @Get()
  products(@CurrentSession() session: Session<ShopData>): string {
    return pages.productsPage(session);
  }

  @Get("cart")
  cart(@CurrentSession() session: Session<ShopData>): string {
    return pages.cartPage(session);
  }

  @Post("cart")
  @Redirect("/cart", 303)
  async change(@Body() fields: Fields, @CurrentSession() session: Session<ShopData>): Promise<void> {
    const { product, by } = readChange(fields);
    await session.update((data) => changeCart(data, product, by));
  }
}

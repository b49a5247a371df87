import time

from .bodies import body, json_view


@json_view
def cart(request):
    """GET: the cart. POST {"product": …, "quantity": 1, "delay": 0}: adds to it.

    The session is read at once and saved at the end, `delay` seconds later: what others write meanwhile is lost.
    """
    products = request.session.get("cart", {})
    if request.method == "POST":
        order = body(request)
        product = order["product"]
        products[product] = products.get(product, 0) + order.get("quantity", 1)
        request.session["cart"] = products
        time.sleep(order.get("delay", 0))
    return products

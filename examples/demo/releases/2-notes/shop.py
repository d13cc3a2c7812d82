"""A small shop that takes orders; mounted by ``PM33_MOUNT=shop:app``."""

from fastapi import FastAPI, Request
from pydantic import BaseModel
from sqlalchemy import text

app = FastAPI(title="Shop")


class Order(BaseModel):
    """What a customer sends; the id is the customer's own."""

    id: str
    item: str
    note: str | None = None


@app.post("/orders", status_code=201)
async def take(order: Order, request: Request) -> Order:
    """Takes an order; the same id twice is an error, so none is taken twice."""
    engine = await request.state.pm33.engine()
    async with engine.begin() as connection:
        await connection.execute(
            text("insert into shop.orders (id, item, note) values (:id, :item, :note)"),
            order.model_dump(),
        )
    return order


@app.get("/orders/count")
async def count(request: Request) -> dict[str, int]:
    """How many orders were taken."""
    engine = await request.state.pm33.engine()
    async with engine.connect() as connection:
        taken = await connection.scalar(text("select count(*) from shop.orders"))
    return {"orders": taken}

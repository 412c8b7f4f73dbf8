if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.TemporalTest do
    use EctoLibSql.SQLCase, async: true

    @second ~U[2024-01-31 10:00:00Z]
    @usec ~U[2024-01-31 10:00:00.000000Z]

    setup do
      insert_all!(Post, [
        %{
          inserted_at: @second,
          updated_at: @usec,
          day: ~D[2024-01-31],
          at: ~T[10:00:00],
          at_usec: ~T[10:00:00.000000]
        },
        %{
          inserted_at: DateTime.add(@second, -1, :day),
          updated_at: DateTime.add(@usec, 1, :microsecond),
          day: ~D[2024-02-01],
          at: ~T[09:59:59],
          at_usec: ~T[10:00:00.000001]
        },
        %{inserted_at: nil}
      ])

      :ok
    end

    defp ids(query), do: Repo.all(from(p in query, select: p.id, order_by: p.id))
    defp one(query), do: Repo.one(from(p in query, where: p.id == 1))

    test "datetime_add in every unit, in the format of the field" do
      assert sql(from(p in Post, select: datetime_add(p.inserted_at, 1, "month"))) ==
               ~s[SELECT ecto_datetime_add(p0."inserted_at", 1, 'month', 0) FROM "posts" AS p0]

      assert one(from(p in Post, select: datetime_add(p.inserted_at, 1, "month"))) ==
               ~U[2024-02-29 10:00:00Z]

      assert one(from(p in Post, select: datetime_add(p.inserted_at, -1, "year"))) ==
               ~U[2023-01-31 10:00:00Z]

      assert one(from(p in Post, select: datetime_add(p.inserted_at, 1, "week"))) ==
               ~U[2024-02-07 10:00:00Z]

      assert one(from(p in Post, select: datetime_add(p.inserted_at, ^1, "day"))) ==
               ~U[2024-02-01 10:00:00Z]

      assert one(from(p in Post, select: datetime_add(p.inserted_at, 14, "hour"))) ==
               ~U[2024-02-01 00:00:00Z]

      assert one(from(p in Post, select: datetime_add(p.inserted_at, ^(-1), "minute"))) ==
               ~U[2024-01-31 09:59:00Z]

      assert one(from(p in Post, select: datetime_add(p.inserted_at, 1, "second"))) ==
               ~U[2024-01-31 10:00:01Z]

      assert one(from(p in Post, select: datetime_add(p.updated_at, 1500, "millisecond"))) ==
               ~U[2024-01-31 10:00:01.500000Z]

      assert one(from(p in Post, select: datetime_add(p.updated_at, -1, "microsecond"))) ==
               ~U[2024-01-31 09:59:59.999999Z]

      assert one(from(p in Post, select: datetime_add(p.updated_at, 0.5, "second"))) ==
               ~U[2024-01-31 10:00:00.500000Z]

      assert Repo.all(
               from(p in Post, where: p.id == 3, select: datetime_add(p.inserted_at, 1, "day"))
             ) == [nil]
    end

    test "of a parameter" do
      assert one(from(p in Post, select: datetime_add(^~N[2024-01-01 00:00:00], 1, "day"))) ==
               ~N[2024-01-02 00:00:00]

      assert one(
               from(p in Post,
                 select: datetime_add(type(^@usec, :utc_datetime_usec), 1, "microsecond")
               )
             ) ==
               ~U[2024-01-31 10:00:00.000001Z]
    end

    test "date_add" do
      assert sql(from(p in Post, select: date_add(p.day, 1, "month"))) ==
               ~s[SELECT ecto_date_add(p0."day", 1, 'month') FROM "posts" AS p0]

      assert one(from(p in Post, select: date_add(p.day, 1, "month"))) == ~D[2024-02-29]
      assert one(from(p in Post, select: date_add(p.day, ^(-1), "day"))) == ~D[2024-01-30]

      assert one(from(p in Post, select: date_add(^~D[2024-02-28], 2, ^"day"))) ==
               ~D[2024-03-01]

      assert ids(from(p in Post, where: date_add(p.day, 1, "day") == ^~D[2024-02-01])) == [1]
    end

    test "compares in the format of the other side" do
      query = from(p in Post, where: p.inserted_at < datetime_add(^@usec, 1, "second"))

      assert sql(select(query, [p], p.id)) =~
               ~s[(p0."inserted_at" < ecto_datetime_add(?1, 1, 'second', 0))]

      assert ids(query) == [1, 2]

      # As text, 10:00:00 comes before 10:00:00.000000.
      assert ids(from(p in Post, where: p.inserted_at >= datetime_add(^@usec, 0, "second"))) == [
               1
             ]

      assert ids(from(p in Post, where: p.inserted_at == datetime_add(^@usec, 0, "second"))) == [
               1
             ]

      assert ids(from(p in Post, where: datetime_add(^@second, 1, "microsecond") == p.updated_at)) ==
               [2]
    end

    test "a parameter on the other side, which Ecto casts to a naive datetime" do
      at = fn query -> ids(from(p in query, where: p.id < 3)) end

      assert at.(
               from(p in Post,
                 where: ^~N[2024-01-31 10:00:00] == datetime_add(p.updated_at, 0, "second")
               )
             ) == [1]

      assert at.(
               from(p in Post,
                 where: datetime_add(p.updated_at, 1, "microsecond") > ^~N[2024-01-31 10:00:00]
               )
             ) == [1, 2]

      assert at.(from(p in Post, where: ^@second >= datetime_add(p.inserted_at, 1, "day"))) == [2]

      assert at.(
               from(p in Post,
                 where:
                   ^~N[2024-01-31 10:00:00] == datetime_add(^~N[2024-01-31 09:00:00], 1, "hour")
               )
             ) == [1, 2]

      assert at.(from(p in Post, where: date_add(p.day, 1, "day") == ^~D[2024-02-01])) == [1]
    end

    test "what is written has the format of its column" do
      Repo.update_all(
        from(p in Post,
          where: p.id == 1,
          update: [set: [updated_at: p.inserted_at, at_usec: p.at]]
        ),
        []
      )

      assert one(from(p in Post, select: fragment("?", p.updated_at))) ==
               "2024-01-31T10:00:00.000000"

      assert one(from(p in Post, select: fragment("?", p.at_usec))) == "10:00:00.000000"

      Repo.update_all(
        from(p in Post,
          where: p.id == 1,
          update: [set: [inserted_at: datetime_add(^@usec, 1, "hour")]]
        ),
        []
      )

      assert one(from(p in Post, select: fragment("?", p.inserted_at))) == "2024-01-31T11:00:00"

      Repo.update_all(
        from(p in Post,
          where: p.id == 1,
          update: [set: [updated_at: ago(0, "second"), day: p.inserted_at]]
        ),
        []
      )

      assert one(from(p in Post, select: fragment("length(?)", p.updated_at))) == 26
      assert one(from(p in Post, select: fragment("?", p.day))) == "2024-01-31"
    end

    test "in and any with times of another precision" do
      usec = from(q in Post, where: not is_nil(q.updated_at), select: q.updated_at)

      assert_raise Ecto.QueryError,
                   ~r/`in` with dates or times of different types \(:utc_datetime, :utc_datetime_usec\)/,
                   fn ->
                     Repo.all(from(p in Post, where: p.inserted_at in subquery(usec)))
                   end

      assert_raise Ecto.QueryError, ~r/`in` with dates or times of different types/, fn ->
        Repo.all(from(p in Post, where: p.inserted_at in [p.updated_at, ^@second]))
      end

      assert ids(
               from(p in Post, where: type(p.inserted_at, :utc_datetime_usec) in subquery(usec))
             ) == [1]

      assert ids(from(p in Post, where: p.inserted_at >= any(usec))) == [1]
      assert ids(from(p in Post, where: p.inserted_at <= all(usec))) == [1, 2]
    end

    test "ago and from_now" do
      now = DateTime.utc_now()
      recent = DateTime.add(now, -60)

      Repo.insert_all(Post, [
        %{id: 10, inserted_at: DateTime.truncate(recent, :second), updated_at: recent}
      ])

      assert ids(from(p in Post, where: p.inserted_at > ago(1, "hour"))) == [10]
      assert ids(from(p in Post, where: p.updated_at > ago(^90, "second"))) == [10]
      assert ids(from(p in Post, where: p.updated_at > ago(30, "second"))) == []
      assert ids(from(p in Post, where: p.inserted_at < from_now(1, "day") and p.id > 5)) == [10]
    end

    test "columns of different precision are compared as times" do
      query = from(p in Post, where: p.inserted_at == p.updated_at)

      assert sql(select(query, [p], p.id)) =~
               ~s[((p0."inserted_at" || '.000000') = p0."updated_at")]

      assert ids(query) == [1]
      assert ids(from(p in Post, where: p.updated_at > p.inserted_at)) == [2]
      assert ids(from(p in Post, where: p.at == p.at_usec)) == [1]
      assert ids(from(p in Post, where: p.at < p.at_usec)) == [2]
    end

    test "dates and times are compared as midnights" do
      assert ids(from(p in Post, where: p.inserted_at > p.day)) == [1]
      assert ids(from(p in Post, where: p.updated_at < p.day)) == [2]

      assert ids(
               from(p in Post, where: p.day == datetime_add(^~U[2024-01-30 00:00:00Z], 1, "day"))
             ) == [1]
    end

    test "type/2 between dates and times" do
      assert one(from(p in Post, select: type(p.inserted_at, :date))) == ~D[2024-01-31]
      assert one(from(p in Post, select: type(p.inserted_at, :time))) == ~T[10:00:00]
      assert one(from(p in Post, select: type(p.updated_at, :utc_datetime))) == @second
      assert one(from(p in Post, select: type(p.inserted_at, :utc_datetime_usec))) == @usec

      assert one(from(p in Post, select: type(p.day, :naive_datetime))) ==
               ~N[2024-01-31 00:00:00]

      assert one(from(p in Post, select: type(p.inserted_at, :time_usec))) ==
               ~T[10:00:00.000000]

      assert ids(from(p in Post, where: type(p.inserted_at, :date) == p.day)) == [1]
    end

    test "literals and parameters have the stored format" do
      assert ids(from(p in Post, where: p.inserted_at == ^@second)) == [1]
      assert ids(from(p in Post, where: p.inserted_at in ^[@second])) == [1]

      assert Repo.one(from(p in Post, select: max(p.updated_at))) ==
               DateTime.add(@usec, 1, :microsecond)

      assert Repo.all(from(p in Post, order_by: [desc: p.updated_at], select: p.id)) == [2, 1, 3]
    end
  end
end

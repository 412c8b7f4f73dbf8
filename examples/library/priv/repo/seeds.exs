# Books to begin with. Run by `mix setup`; once more does no harm.

alias Library.Catalog
alias Library.Catalog.{Author, Shelf}
alias Library.Lending.Member
alias Library.Repo

now = DateTime.utc_now()
stamps = %{inserted_at: now, updated_at: now}

Repo.insert_all(
  Shelf,
  [
    %{room: "A", number: 1, description: "Novels"},
    %{room: "A", number: 2, description: "Essays"}
  ],
  on_conflict: :nothing
)

authors = [
  %{name: "Ursula K. Le Guin", born_on: ~D[1929-10-21]},
  %{name: "Stanisław Lem", born_on: ~D[1921-09-12]}
]

Repo.insert_all(Author, Enum.map(authors, &Map.merge(&1, stamps)), on_conflict: :nothing)
author = fn name -> Repo.get_by!(Author, name: name).id end

Catalog.import_books([
  %{
    title: "The Dispossessed",
    isbn: "9780060512750",
    pages: 387,
    price: Decimal.new("12.99"),
    tags: ["novel", "anarchism"],
    details: %{"language" => "en", "year" => 1974},
    author_id: author.("Ursula K. Le Guin"),
    shelf_room: "A",
    shelf_number: 1
  },
  %{
    title: "The Wave in the Mind",
    isbn: "9781590300060",
    pages: 305,
    price: Decimal.new("9.50"),
    tags: ["essays"],
    details: %{"language" => "en", "year" => 2004},
    author_id: author.("Ursula K. Le Guin"),
    shelf_room: "A",
    shelf_number: 2
  },
  %{
    title: "Solaris",
    isbn: "9788308049051",
    pages: 340,
    price: Decimal.new("8.10"),
    tags: ["novel"],
    details: %{"language" => "pl", "year" => 1961},
    author_id: author.("Stanisław Lem"),
    shelf_room: "A",
    shelf_number: 1
  }
])

Repo.insert_all(
  Member,
  for {name, email} <- [{"Ada", "ada@example.com"}, {"Joe", "joe@example.com"}] do
    Map.merge(stamps, %{id: Ecto.UUID.generate(), name: name, email: email})
  end,
  on_conflict: :nothing
)

# Ours beside the other SQLite packages for Elixir, in one run.
#
#     mix run run.exs [--quick] [--only NAME,...] [--output FILE]
#
# --quick only checks that every part runs; its figures mean nothing. The Markdown goes to the
# standard output, and to the file if one is given.

{options, [], []} =
  OptionParser.parse(System.argv(), strict: [quick: :boolean, only: :string, output: :string])

Peers.main(options)

package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/joule-ml/joule/dataset"
	"github.com/spf13/cobra"
)

func (a *app) dataCommand() *cobra.Command {
	data := &cobra.Command{
		Use:   "data",
		Short: "List, fetch and verify data sets",
		Long: `Look after the data sets that models are trained on: ` + strings.Join(dataset.Names(), " and ") + `.

Joule looks for the files in --data-dir, then in the user's cache, then in
Debian's package, and fetches what is missing into the cache. In --data-dir they
may lie as torchvision has them (MNIST/raw, FashionMNIST/raw) or in the folder
itself, compressed by gzip or not, also under Kaggle's names
(train-images.idx3-ubyte). Every file is verified by its SHA-256 whenever it is
used.`,
		Example: `  joule data list
  joule data fetch fashion-mnist
  joule data verify mnist`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	var flags dataFlags
	flags.add(data.PersistentFlags())
	add := func(use, short, long, example string, folder func(ctx context.Context, names []string, opt dataset.Options, asked bool) error) {
		data.AddCommand(&cobra.Command{
			Use: use, Short: short, Long: long, Example: example,
			RunE: func(cmd *cobra.Command, args []string) error {
				if err := flags.fromEnv(a, cmd.Flags()); err != nil {
					return err
				}
				folders := strings.HasPrefix(use, "verify")
				for _, name := range args {
					if folders && dataset.IsPath(name) {
						continue
					}
					if _, err := dataset.About(name); err != nil {
						var e *dataset.Error
						errors.As(err, &e)
						if st, err := os.Stat(name); err == nil && st.IsDir() {
							e.Hint = "for a folder of images, write its path with a slash, which joule data verify takes: ./" + name
						}
						return &usageError{e.What, e.Hint}
					}
				}
				names := args
				if len(names) == 0 {
					names = dataset.Names()
				}
				return folder(cmd.Context(), names, flags.options(nil), len(args) > 0)
			},
		})
	}
	add("list [NAME]...", "Show the data sets and where their files are",
		"Show the data sets and where on this machine their files are, without reading them.",
		"  joule data list\n  joule data list mnist", a.listData)
	add("fetch [NAME]...", "Fetch data sets into the cache",
		"Make sure that a verified copy of every file of the data sets is on this\nmachine, and fetch what is missing. Without a name, all of them.",
		"  joule data fetch mnist\n  joule data fetch --offline mnist    # only check", a.fetchData)
	add("verify [NAME|FOLDER]...", "Verify the files of data sets by checksum, or a folder's pictures",
		"Read the files of the data sets and compare their SHA-256. The exit code is 4\nif one is damaged, or if one of a data set that was named is missing.\n\nOf a folder of images, by a path with a / in it, read all pictures and list\nwhat training leaves out, and why; the exit code is 4 if anything of that looks\nlike a picture.",
		"  joule data verify\n  joule data verify --data-dir ~/datasets mnist\n  joule data verify ./photos", a.verifyData)
	return data
}

func (a *app) listData(_ context.Context, names []string, opt dataset.Options, _ bool) error {
	return a.table(opt, names, func(name string) ([]dataset.File, error) { return dataset.List(name, opt) })
}

func (a *app) verifyData(ctx context.Context, names []string, opt dataset.Options, asked bool) error {
	names, fault := a.verifyFolders(ctx, names, opt)
	if len(names) == 0 {
		return fault
	}
	faults := []error{fault}
	err := a.table(opt, names, func(name string) ([]dataset.File, error) {
		files, err := dataset.Verify(ctx, name, opt)
		missing, looked := 0, ""
		for _, f := range files {
			if f.Err != nil {
				faults = append(faults, f.Err)
			}
			if f.State == dataset.Missing {
				missing++
				looked = f.Looked
			}
		}
		if missing > 0 && (asked || missing < len(files)) {
			faults = append(faults, &dataset.Error{
				File: name, What: fmt.Sprintf("%d of %d files are missing: looked in %s", missing, len(files), looked),
				Hint: "joule data fetch " + name + " fetches them",
			})
		}
		return files, err
	})
	if err != nil {
		return err
	}
	return errors.Join(faults...)
}

func (a *app) fetchData(ctx context.Context, names []string, opt dataset.Options, _ bool) error {
	return a.table(opt, names, func(name string) ([]dataset.File, error) {
		fetched := false
		opt.Progress = a.fetching(&fetched)
		files, err := dataset.Fetch(ctx, name, opt)
		a.screen.clear()
		if err == nil && fetched {
			a.notice(name)
		}
		return files, err
	})
}

// tellDir says that a data folder that was named holds nothing of a data set.
func (a *app) tellDir(opt dataset.Options, name string, files []dataset.File) {
	if opt.Dir == "" || len(files) == 0 || files[0].Looked == "" || slices.ContainsFunc(files, func(f dataset.File) bool { return f.Place == dataset.InDir }) {
		return
	}
	a.screen.line("no files of %s in the data folder: looked in %s", name, printable(files[0].Looked))
}

// table prints the files of the named data sets.
func (a *app) table(opt dataset.Options, names []string, files func(name string) ([]dataset.File, error)) error {
	var rows strings.Builder
	w := tabwriter.NewWriter(&rows, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DATA SET\tFILE\tSTATE\tSIZE\tPATH")
	var failed error
	for _, name := range names {
		list, err := files(name)
		if err != nil {
			failed = err
			break
		}
		a.tellDir(opt, name, list)
		for _, f := range list {
			size := ""
			if f.State != dataset.Missing {
				size = bytesText(f.Size)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", name, f.Name, f.State, size, f.Path)
		}
	}
	w.Flush()
	if failed != nil && strings.Count(rows.String(), "\n") < 2 {
		return failed // nothing but the heading
	}
	for line := range strings.Lines(rows.String()) {
		if _, err := fmt.Fprintln(a.out(), strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return failed
}

// fetching shows how a download goes, and sets fetched when there is one.
func (a *app) fetching(fetched *bool) func(dataset.Event) {
	announced := ""
	return func(e dataset.Event) {
		if e.Err != nil {
			fault := strings.TrimPrefix(oneLine(e.Err.Error()), "dataset: ")
			fault = strings.TrimPrefix(fault, e.Source+": ")
			a.screen.line("%s: %s; looking elsewhere", sourceText(e.Source), fault)
			return
		}
		*fetched = true
		if !a.screen.live {
			if announced != e.File+e.Source {
				announced = e.File + e.Source
				a.screen.line("fetching %s from %s", e.File, sourceText(e.Source))
			}
			return
		}
		if !a.screen.due() {
			return
		}
		parts := []string{"fetching " + e.File, bytesText(e.Done)}
		if e.Total > 0 {
			parts[1] = fmt.Sprintf("%d%% of %s", 100*e.Done/e.Total, bytesText(e.Total))
		}
		a.screen.show(append(parts, "from "+sourceText(e.Source)), nil)
	}
}

// sourceText shortens a URL to its host.
func sourceText(source string) string {
	if u, err := url.Parse(source); err == nil && u.Host != "" {
		return u.Host
	}
	return source
}

// notice tells whose the data is.
func (a *app) notice(name string) {
	if info, err := dataset.About(name); err == nil {
		a.screen.line("%s", info.Notice())
	}
}

// bytesText writes a size in units of a thousand.
func bytesText(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d B", n)
}

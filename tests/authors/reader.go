// Reads From fields as Go's net/mail does: base64 of one a line in, a JSON list of addresses a line out.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/mail"
	"os"
)

func main() {
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(make([]byte, 1<<20), 1<<24)
	for input.Scan() {
		value, _ := base64.StdEncoding.DecodeString(input.Text())
		found := []string{}
		list, err := mail.ParseAddressList(string(value))
		if err == nil {
			for _, author := range list {
				found = append(found, author.Address)
			}
		}
		line, _ := json.Marshal(found)
		fmt.Println(string(line))
	}
}

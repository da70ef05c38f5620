// Centrifuge, the library behind Centrifugo, as a peer: records published into one channel, clients over WebSocket.
//
// It has neither rights to look at again, acks, statistics nor ranges; each client asks for its write delay when it connects.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/centrifugal/centrifuge"
)

const (
	channel   = "bench"
	wake      = 10 * time.Millisecond // between two looks at how many records are due, as in source.py
	valueSize = 220
)

func record(number int) []byte {
	head := fmt.Sprintf(`{"id":%d,"sent":%d,"text":"`, number, time.Now().UnixMicro())
	return []byte(head + strings.Repeat("x", valueSize-len(head)-2) + `"}`)
}

// generate publishes as many records as are due at the asked rate; 0 is a pause.
func generate(node *centrifuge.Node, rate *atomic.Int64) {
	var began time.Time
	var made, number int
	var current int64
	for range time.Tick(wake) {
		if wanted := rate.Load(); wanted != current {
			began, made, current = time.Now(), 0, wanted
		}
		for due := int(time.Since(began).Seconds() * float64(current)); made < due; made++ {
			number++
			if _, err := node.Publish(channel, record(number)); err != nil {
				panic(err)
			}
		}
	}
}

func connecting(_ context.Context, event centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
	var asked struct{ DelayMs int }
	if err := json.Unmarshal(event.Data, &asked); err != nil {
		return centrifuge.ConnectReply{}, centrifuge.ErrorBadRequest
	}
	return centrifuge.ConnectReply{
		Credentials:        &centrifuge.Credentials{UserID: "bench"},
		WriteDelay:         time.Duration(asked.DelayMs) * time.Millisecond,
		MaxMessagesInFrame: -1,
		WriteWithTimer:     os.Getenv("WRITE_WITH_TIMER") == "1",
	}, nil
}

func main() {
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		panic(err)
	}
	node.OnConnecting(connecting)
	node.OnConnect(func(client *centrifuge.Client) {
		client.OnSubscribe(func(_ centrifuge.SubscribeEvent, answer centrifuge.SubscribeCallback) {
			answer(centrifuge.SubscribeReply{}, nil)
		})
	})
	if err := node.Run(); err != nil {
		panic(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		panic(http.Serve(listener, centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{})))
	}()
	var rate atomic.Int64
	go generate(node, &rate)
	fmt.Printf(`{"port":%d}`+"\n", listener.Addr().(*net.TCPAddr).Port)

	// Commands, as in source.py: `rate 500`. The end of stdin ends the program.
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) == 2 && words[0] == "rate" {
			asked, _ := strconv.Atoi(words[1])
			rate.Store(int64(asked))
		}
		fmt.Println(`{}`)
	}
}

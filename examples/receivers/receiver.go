// Takes announcements, and keeps the newest state of each order. Go's standard library is enough to verify them.
//
//	SECRET=whsec_... PORT=8090 go run receiver.go
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	bodyBytesMax = 1 << 20
	tolerance    = 5 * time.Minute
)

// Order is what is told of one, as far as it is kept here.
type Order struct {
	Source   string `json:"source"`
	Order    string `json:"order"`
	Epoch    int64  `json:"epoch"`
	Version  int64  `json:"version"`
	Captured int64  `json:"captured"`
}

// Known keeps orders in memory. In a database this is one statement, which another process cannot come between:
//
//	insert into orders values (...) on conflict (source, order_id) do update set ...
//	 where (excluded.epoch, excluded.version) > (orders.epoch, orders.version)
type Known struct {
	mutex  sync.Mutex
	orders map[[2]string]Order
}

func (known *Known) keepIfNewer(order Order) {
	known.mutex.Lock()
	defer known.mutex.Unlock()
	key := [2]string{order.Source, order.Order}
	old, isKnown := known.orders[key]
	if !isKnown || order.Epoch > old.Epoch || (order.Epoch == old.Epoch && order.Version > old.Version) {
		known.orders[key] = order
	}
}

func (known *Known) all() []Order {
	known.mutex.Lock()
	defer known.mutex.Unlock()
	orders := []Order{}
	for _, order := range known.orders {
		orders = append(orders, order)
	}
	return orders
}

// verify says whether one of the signatures is over these bytes, at a time near now.
func verify(key []byte, header http.Header, body []byte) error {
	id, sent := header.Get("webhook-id"), header.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(sent, 10, 64)
	if err != nil {
		return err
	}
	if age := time.Since(time.Unix(seconds, 0)).Abs(); age > tolerance {
		return errors.New("too old, or of the future")
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + sent + "."))
	mac.Write(body)
	expected := mac.Sum(nil)
	for _, signature := range strings.Fields(header.Get("webhook-signature")) {
		version, encoded, _ := strings.Cut(signature, ",")
		shown, err := base64.StdEncoding.DecodeString(encoded)
		if version == "v1" && err == nil && hmac.Equal(shown, expected) {
			return nil
		}
	}
	return errors.New("no signature holds")
}

// messages reads one message, or a batch of them.
func messages(body []byte) ([]Order, error) {
	type message struct {
		Type string `json:"type"`
		Data Order  `json:"data"`
	}
	var one message
	batch := []message{}
	if err := json.Unmarshal(body, &batch); err != nil {
		if err := json.Unmarshal(body, &one); err != nil {
			return nil, err
		}
		batch = append(batch, one)
	}
	orders := []Order{}
	for _, message := range batch {
		// Settlements have a ledger instead of a source, and would go into a table of their own.
		if strings.HasPrefix(message.Type, "order.") {
			orders = append(orders, message.Data)
		}
	}
	return orders, nil
}

func main() {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(os.Getenv("SECRET"), "whsec_"))
	if err != nil {
		log.Fatal("SECRET: ", err)
	}
	known := Known{orders: map[[2]string]Order{}}
	http.HandleFunc("/", func(response http.ResponseWriter, request *http.Request) {
		if request.Method == http.MethodGet {
			_ = json.NewEncoder(response).Encode(known.all())
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(response, request.Body, bodyBytesMax))
		if err == nil {
			// Over the bytes as they came, before anything is read from them.
			err = verify(key, request.Header, body)
		}
		if err != nil {
			response.WriteHeader(http.StatusBadRequest)
			return
		}
		orders, err := messages(body)
		if err != nil {
			response.WriteHeader(http.StatusBadRequest)
			return
		}
		for _, order := range orders {
			known.keepIfNewer(order)
		}
		// Only now: what is not answered 2xx comes again.
		response.WriteHeader(http.StatusNoContent)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
